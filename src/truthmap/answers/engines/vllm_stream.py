"""vLLM as it serves: requests join and leave while it computes; what is read of each token lies in shared memory."""

from __future__ import annotations

import bisect
import mmap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as save_tensors

from truthmap.answers.engines.vllm_heads import head_bytes, head_views
from truthmap.answers.engines.vllm_launch import VllmLaunch
from truthmap.answers.engines.vllm_process import VllmProcess
from truthmap.answers.engines.vllm_states import anonymous_file
from truthmap.arrays import AnyArray, Floats
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel

HEAD_READER = "truthmap.answers.engines.vllm_heads.HeadReader"
_PATIENCE = 5.0
"""Seconds in which every worker has written its part of what is told to have been read."""


@dataclass(frozen=True)
class LayerTap:
    """What is kept of each token's state at a layer: `size` numbers; see `vllm_heads.Tap` for the arrays."""

    layer: int
    arrays: Mapping[str, AnyArray]
    size: int


@dataclass(frozen=True)
class StreamedRequest:
    """A request to vLLM.

    Attributes:
        number: Its own; no other has it.
        ids: What is read before the first token is chosen.
        read: First slot, how many tokens at most are read into slots, and the position of the first of them.
        most: How many tokens are chosen at most; 0: `ids` are only read.
        fresh: Take nothing from the prefix cache: what lies there was read for somebody else.
        temperature, top_p, seed: How tokens are drawn.
    """

    number: int
    ids: tuple[int, ...]
    read: tuple[int, int, int]
    most: int
    fresh: bool = False
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class StreamNews:
    """What has become of a request.

    Attributes:
        number: Which one.
        tokens: What was chosen; all tokens before the last one of these have been read.
        over: Nothing more comes of it: all its tokens have been read.
        fault: Why vLLM does not take it.
    """

    number: int
    tokens: tuple[int, ...]
    over: bool
    fault: str | None = None


class Slots:
    """Places in shared memory: runs of them are lent and come back."""

    def __init__(self, n: int) -> None:
        self._free = [(0, n)]

    def take(self, count: int) -> int | None:
        """Return the first of `count` places in a row that are free; `None`: there are not so many."""
        for n, (start, end) in enumerate(self._free):
            if end - start >= count:
                self._free[n : n + 1] = [(start + count, end)] if end - start > count else []
                return start
        return None

    def give_back(self, start: int, count: int) -> None:
        """Take places back."""
        bisect.insort(self._free, (start, start + count))
        joined = [self._free[0]]
        for begin, end in self._free[1:]:
            if begin == joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((begin, end))
        self._free = joined


class VllmStream:
    """vLLM in a process of its own, which answers requests as they come and ends with `close`.

    Args:
        lm: The model as far as tokens go; it needs no weights.
        launch: How to start vLLM; of its sites the first is read.
        layers: Which layers are read.
        start: Starts vLLM's process.

    Raises:
        ModelError: vLLM cannot be started with this model, or does not give its states.

    Attributes:
        width: Numbers (d) in a state.
    """

    def __init__(
        self,
        lm: LanguageModel,
        launch: VllmLaunch,
        layers: Sequence[int],
        start: Callable[[Mapping[str, Any]], VllmProcess] = VllmProcess,
    ) -> None:
        self.layers, self.site = tuple(layers), launch.sites[0]
        asked = {**asdict(launch), "longest": launch.longest + 1, "sites": ()}  # one more is chosen, and thrown away
        stop_ids = sorted(lm.stop_ids | lm.line_ids)
        self._process = start({**asked, "stop_ids": stop_ids, "extension": HEAD_READER})
        found = self._call("truthmap_install", str(self.site), self.layers)
        if "fault" in found:
            self.close()
            raise ModelError(f"vLLM does not give this model's states ({found['fault']}); serve it without --engine")
        self.width, self._workers = int(found["width"]), int(found["workers"])

    def read_states(self, ids: Sequence[int]) -> AnyArray:
        """Return the states of a few tokens: float32 (tokens, layers, d).

        Raises:
            ModelError: vLLM has ended, or does not give them.
        """
        self.use(None, len(ids))
        asked = {"sequences": [list(ids)], "kept": [[0, len(ids), 0]], "fresh": [True], "scored": [None]}
        self._process.ask("read", asked)
        found = self.values(0, len(ids))
        if found is None:
            raise ModelError("vLLM does not give the hidden states of all tokens that it was asked for")
        return found

    def use(self, taps: Sequence[LayerTap] | None, n_slots: int) -> None:
        """Let this be kept of each token, in new memory, before it serves.

        Args:
            taps: What is kept; `None`: the states of all layers.
            n_slots: Of how many tokens at a time.
        """
        self._keeps_states = taps is None
        taps = [LayerTap(layer, {}, self.width) for layer in self.layers] if taps is None else taps
        self._n_slots, self.slots = n_slots, Slots(n_slots)
        tensors = {f"{n}.{name}": np.ascontiguousarray(a) for n, t in enumerate(taps) for name, a in t.arrays.items()}
        content = save_tensors(tensors or {"none": np.zeros(1)})
        with anonymous_file(len(content)) as (_, path):
            Path(path).write_bytes(content)
            self._call("truthmap_use", path, [tap.layer for tap in taps], [tap.size for tap in taps])
        n_values = sum(tap.size for tap in taps)
        size = head_bytes(self._n_slots, n_values, self._workers)
        with anonymous_file(size) as (descriptor, path):
            shared = mmap.mmap(descriptor, size)
            self._call("truthmap_open", path, self._n_slots, n_values, self._workers)
        seen, values = head_views(shared, self._n_slots, n_values, self._workers)
        self._seen, self._values = seen.numpy(), values.numpy()

    def begin(self) -> None:
        """Begin to serve: from now on it takes requests."""
        self._process.begin("serve", {})

    def send(self, requests: Sequence[StreamedRequest] = (), abort: Sequence[int] = ()) -> None:
        """Send requests, and end others.

        Raises:
            ModelError: vLLM has ended.
        """
        if requests or abort:
            self._process.send({"abort": list(abort), "add": [asdict(request) for request in requests]})

    def news(self) -> list[StreamNews]:
        """Wait for news of requests; each ends with one that says that it is over.

        Raises:
            ModelError: vLLM has ended.
        """
        found = self._process.receive().get("news")
        if found is None:
            raise ModelError("vLLM serves no more")
        return [StreamNews(int(n), tuple(tokens), bool(over), *fault) for n, tokens, over, *fault in found]

    def values(self, start: int, count: int) -> AnyArray | None:
        """Return what was read into slots, copied; `None`: some of it is not there.

        That is float64 (count, numbers); of the states themselves float32 (count, layers, d).
        """
        seen, deadline = self._seen[:, start : start + count], time.monotonic() + _PATIENCE
        # Of several workers one tells the news: the others may be a moment behind.
        while not seen.all():
            if self._workers == 1 or not seen.any(axis=0).all() or time.monotonic() > deadline:
                return None
            time.sleep(0.0005)
        total: Floats = self._values[:, start : start + count].sum(axis=0)
        if not self._keeps_states:
            return total
        return total.reshape(count, len(self.layers), self.width).astype(np.float32)

    def release(self, start: int, count: int) -> None:
        """Give slots back."""
        self._seen[:, start : start + count] = 0
        self._values[:, start : start + count] = 0
        self.slots.give_back(start, count)

    def close(self) -> None:
        """End vLLM's process, and with it all that it holds."""
        self._process.close()

    def _call(self, method: str, *args: object) -> dict[str, Any]:
        found: dict[str, Any] = self._process.ask("call", {"method": method, "args": args}) or {}
        return found
