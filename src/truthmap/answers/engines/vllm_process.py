"""vLLM's process, as whoever started it sees it: lines of JSON go in and out, and its end is told with its reason."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess  # this Python, with fixed arguments
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from truthmap.errors import ModelError

_HOST = Path(__file__).with_name("vllm_host.py")
_START = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
"""Starts the host by its path: as a module it would import this package, torch and all, before vLLM prepares for it."""
_PATIENCE = 30.0
"""Seconds that an idle vLLM has to end by itself."""
_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the host is a process of its own already
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB; only a vLLM that is built for CPUs reads it
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",  # the last token of the longest answer is read, too: one more is chosen
    "VLLM_USE_V2_MODEL_RUNNER": "0",  # the recorder of states reads the batches of the first one
}
_ERROR = re.compile(r"(?:^|\s)((?:\w+\.)*\w*(?:Error|Exception)\b.*)")
"""The last line of a traceback; worker processes put their name before it."""


class VllmProcess:
    """A process with vLLM in it; it ends with `close`.

    Args:
        settings: What vLLM is started with.

    Raises:
        ModelError: vLLM cannot be started so.

    Attributes:
        ready: What it said when it was there.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._busy = True
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed with it)
        self._process = subprocess.Popen(  # noqa: S603 (no part of it comes from outside)
            [sys.executable, "-c", _START, str(_HOST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
            env={**_ENVIRONMENT, **os.environ},
            start_new_session=True,  # Ctrl-C is for us: the shard under way is finished
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        try:
            self.send(settings)
            self.ready: Mapping[str, Any] = self.receive()
        except BaseException:
            self.close()
            raise
        self._busy = False

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def ask(self, what: str, asked: Mapping[str, Any], on_progress: Callable[[int], None] | None = None) -> Any:
        """Let the host do something, and return what comes of it.

        Raises:
            ModelError: vLLM has ended.
        """
        self.begin(what, asked)
        while "done_with" not in (message := self.receive()):
            if on_progress is not None:
                on_progress(int(message["done"]))
        self._busy = False
        return message["done_with"]

    def begin(self, what: str, asked: Mapping[str, Any]) -> None:
        """Let the host do something that is talked with by `send` and `receive` while it is done.

        Raises:
            ModelError: vLLM has ended.
        """
        self._busy = True
        self.send({"do": what, **asked})

    def close(self) -> None:
        """End the process, and with it all that it holds."""
        with suppress(OSError):
            self._to.close()
        try:
            self._process.wait(timeout=0 if self._busy else _PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._from.close()
        self._log.close()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a line to the host.

        Raises:
            ModelError: vLLM has ended.
        """
        try:
            self._to.write(json.dumps(message) + "\n")
            self._to.flush()
        except OSError as error:
            raise self._failure() from error

    def receive(self) -> dict[str, Any]:
        """Wait for a line of the host.

        Raises:
            ModelError: vLLM has ended.
        """
        line = self._from.readline()
        if not line:
            raise self._failure()
        message: dict[str, Any] = json.loads(line)
        return message

    def _failure(self) -> ModelError:
        """Say why the process ended, by the last error that it wrote."""
        code = self._process.wait()
        self._log.seek(0)
        errors = [found[1] for found in map(_ERROR.search, self._log) if found is not None]
        reason = errors[-1].strip() if errors else f"exit code {code}"
        return ModelError(
            f"vLLM has ended ({reason[:500]}): see that it takes this model, and that the GPUs have room for it "
            "(--tensor-parallel, --gpu-memory), or leave --engine out; then start the same command again to go on"
        )
