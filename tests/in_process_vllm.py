"""truthmap's host of vLLM and the stand-in for vLLM, in a thread of the tests' own process: no process is started."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import torch
from tests.engines import STAND_IN

from truthmap.answers.engines import vllm_host
from truthmap.answers.engines.vllm_process import VllmProcess
from truthmap.errors import ModelError


class InProcess(VllmProcess):
    """What a `VllmProcess` is, over two pipes to a thread."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        (self._from, told), (lines, self._to) = self._pipe(), self._pipe()
        self._lines = lines

        def tell(message: Mapping[str, Any]) -> None:
            told.write(json.dumps(message) + "\n")
            told.flush()

        def host() -> None:
            with told, torch.inference_mode(), suppress(RuntimeError):  # its end is seen by its pipe
                vllm_host.run(lines, tell)

        self._thread = threading.Thread(target=host, daemon=True)
        self._thread.start()
        self.send(settings)
        self.ready = self.receive()

    def close(self) -> None:
        self._to.close()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._from.close()
        self._lines.close()

    def _failure(self) -> ModelError:
        return ModelError("vLLM has ended")

    @staticmethod
    def _pipe() -> Any:
        read, write = os.pipe()
        return os.fdopen(read, "r", encoding="utf-8"), os.fdopen(write, "w", encoding="utf-8")


@contextmanager
def stand_in_here() -> Iterator[Callable[[Mapping[str, Any]], VllmProcess]]:
    """Let `import vllm` find the stand-in while inside the `with`; gives what starts a host of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STAND_IN))
        patch.setenv("STAND_IN_BLOCK", "4")
        try:
            yield InProcess
        finally:
            for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
                del sys.modules[name]
