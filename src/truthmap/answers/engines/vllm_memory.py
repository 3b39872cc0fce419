"""Memory that is shared with vLLM's workers: what a detector's heads need of each token that is read."""

from __future__ import annotations

import bisect
import mmap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as save_tensors

from truthmap.answers.engines.vllm_heads import head_bytes, head_views
from truthmap.answers.engines.vllm_states import anonymous_file
from truthmap.arrays import AnyArray, Floats
from truthmap.errors import ModelError

_PATIENCE = 5.0
"""Seconds in which every worker has written its part of what is told to have been read."""


@dataclass(frozen=True)
class LayerTap:
    """What is kept of each token's state at a layer: `size` numbers; see `vllm_heads.Tap` for the arrays."""

    layer: int
    arrays: Mapping[str, AnyArray]
    size: int


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


class HeadMemory:
    """What is read of tokens, a slot for each; it goes when nobody holds it any more.

    Args:
        layers: Which layers are read.
        installed: What the workers said of their hooks: see `HeadReader.truthmap_install`.
        taps: What is kept; `None`: the states of all layers.
        n_slots: Of how many tokens at a time.

    Raises:
        ModelError: vLLM does not give the states.

    Attributes:
        slots: Those that are free.
    """

    def __init__(
        self, layers: Sequence[int], installed: Mapping[str, Any], taps: Sequence[LayerTap] | None, n_slots: int
    ) -> None:
        width, self._workers = width_of(installed), int(installed["workers"])
        self._shape = (len(layers), width) if taps is None else None
        self._taps = [LayerTap(layer, {}, width) for layer in layers] if taps is None else list(taps)
        self._n_slots, self.slots = n_slots, Slots(n_slots)
        self._n_values = sum(tap.size for tap in self._taps)

    @contextmanager
    def opened(self) -> Iterator[list[tuple[str, tuple[object, ...]]]]:
        """Make the memory; gives what the workers must do while inside the `with`: names of methods with arguments."""
        tensors = {
            f"{n}.{name}": np.ascontiguousarray(array)
            for n, tap in enumerate(self._taps)
            for name, array in tap.arrays.items()
        }
        content = save_tensors(tensors or {"none": np.zeros(1)})
        size = head_bytes(self._n_slots, self._n_values, self._workers)
        with anonymous_file(len(content)) as (_, taps), anonymous_file(size) as (descriptor, path):
            Path(taps).write_bytes(content)
            shared = mmap.mmap(descriptor, size)
            seen, values = head_views(shared, self._n_slots, self._n_values, self._workers)
            self._seen, self._values = seen.numpy(), values.numpy()
            yield [
                ("truthmap_use", (taps, [tap.layer for tap in self._taps], [tap.size for tap in self._taps])),
                ("truthmap_open", (path, self._n_slots, self._n_values, self._workers)),
            ]

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
        return total if self._shape is None else total.reshape(count, *self._shape).astype(np.float32)

    def release(self, start: int, count: int) -> None:
        """Give slots back."""
        self._seen[:, start : start + count] = 0
        self._values[:, start : start + count] = 0
        self.slots.give_back(start, count)


def width_of(installed: Mapping[str, Any]) -> int:
    """Return the numbers in a state, by what the workers said of their hooks.

    Raises:
        ModelError: vLLM does not give the states.
    """
    if "fault" in installed:
        raise ModelError(f"vLLM does not give this model's states ({installed['fault']}); serve it without vLLM")
    return int(installed["width"])
