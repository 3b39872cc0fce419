"""Hidden states that vLLM's workers leave in shared memory: which tokens, where, and how rows are picked from them."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from truthmap.answers.engines.vllm_worker import aligned, views
from truthmap.arrays import Bools, Ints, Ints32
from truthmap.positions import MISSING
from truthmap.records import RowKey, Site

Spans = Sequence[tuple[int, int]]
"""Tokens of a sequence, as `[start, end)` that do not meet, in their order."""


@dataclass(frozen=True)
class StatesLayout:
    """What a token's states are in vLLM.

    Attributes:
        n_layers: Layers (L).
        dtype: torch's name of their dtype.
        widths: For each site the numbers (d) in a state.
    """

    n_layers: int
    dtype: str
    widths: dict[Site, int]

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's states."""
        itemsize: int = getattr(torch, self.dtype).itemsize
        return self.n_layers * sum(self.widths.values()) * itemsize

    @property
    def sites(self) -> list[tuple[str, int, int, str]]:
        """The layout as the workers take it."""
        return [(str(site), self.n_layers, width, self.dtype) for site, width in self.widths.items()]


class KeptTokens:
    """Which tokens of some sequences are kept, one slot for each.

    Args:
        spans: For each sequence its tokens.
    """

    def __init__(self, spans: Sequence[Spans]) -> None:
        self.spans = spans
        counts = [sum(end - start for start, end in each) for each in spans]
        self.first = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])

    @property
    def n_slots(self) -> int:
        """How many there are."""
        return int(self.first[-1])

    def told(self, n: int) -> dict[str, Any]:
        """Return what a request for sequence `n` says of its tokens."""
        return {"slot": int(self.first[n]), "spans": [list(span) for span in self.spans[n]]}

    def slot(self, n: int, token: int) -> int:
        """Return the slot of a token of sequence `n`, which must be kept."""
        slot = int(self.first[n])
        for start, end in self.spans[n]:
            if start <= token < end:
                return slot + token - start
            slot += end - start
        raise AssertionError(f"token {token} of sequence {n} is not kept")

    def slots(self, ranges: Ints32, sequences: Sequence[int]) -> Ints:
        """Return the first slot of each range: int64 (n, P) from int32 (n, P, 2); -1 for what is missing."""
        found = np.full(ranges.shape[:2], -1, dtype=np.int64)
        for n, p in np.argwhere(ranges[..., 0] != MISSING):
            found[n, p] = self.slot(sequences[n], int(ranges[n, p, 0]))
        return found


class SharedStates:
    """The states of kept tokens, in memory that vLLM's workers write to; it goes when nobody holds it any more.

    Args:
        kept: Which tokens.
        layout: What a token's states are.
    """

    def __init__(self, kept: KeptTokens, layout: StatesLayout) -> None:
        self.kept, self.layout = kept, layout
        itemsize = getattr(torch, layout.dtype).itemsize
        sizes = [aligned(kept.n_slots * layout.n_layers * width * itemsize) for width in layout.widths.values()]
        self._size = max(1, aligned(kept.n_slots) + sum(sizes))

    @contextmanager
    def opened(self) -> Iterator[str]:
        """Make the memory, and give the path by which other processes of this machine open it while inside the `with`.

        It has no name in any folder, where the system can do that: nothing is left behind, whoever is killed.
        """
        with anonymous_file(self._size) as (descriptor, path):
            shared = mmap.mmap(descriptor, self._size)
            self._seen, states = views(shared, self.kept.n_slots, self.layout.sites)
            self._states = {Site(site): each for site, each in states.items()}
            yield path

    def seen(self, slots: Ints, lengths: Ints) -> Bools:
        """Return whether all of `lengths` tokens from each slot on have states: bool, in the slots' shape."""
        there = np.concatenate([[0], np.cumsum(self._seen.numpy() != 0)])
        found: Bools = (slots < 0) | (there[slots + lengths] - there[slots] == lengths)
        return found

    def has(self, n: int, spans: Spans) -> bool:
        """Return whether all these tokens of sequence `n`, which must be kept, have states."""
        slots = [(self.kept.slot(n, start), end - start) for start, end in spans]
        return all(bool(self._seen[slot : slot + count].all()) for slot, count in slots)

    def copy_from(self, other: SharedStates, pairs: Sequence[tuple[int, int]]) -> None:
        """Take over sequences from other memory: (its number there, its number here), all kept tokens of it."""
        for theirs, ours in pairs:
            for start, end in other.kept.spans[theirs]:
                here, there = self.kept.slot(ours, start), other.kept.slot(theirs, start)
                for site, states in self._states.items():
                    states[here : here + end - start] = other._states[site][there : there + end - start]
                self._seen[here : here + end - start] = other._seen[there : there + end - start]

    def pick(self, ranges: Ints32, sequences: Sequence[int]) -> dict[Site, torch.Tensor]:
        """Return the states of rows, copied: see `AnswerStates.pick`."""
        slots, lengths = self.kept.slots(ranges, sequences), ranges[..., 1] - ranges[..., 0]
        present = torch.from_numpy((slots >= 0).T)[..., None]
        picked = {}
        for site, states in self._states.items():
            wide = torch.promote_types(states.dtype, torch.float32)
            chosen = states[torch.from_numpy(np.maximum(slots, 0).T)]  # (P, n, L, d)
            for n, p in np.argwhere((slots >= 0) & (lengths > 1)):
                own = states[slots[n, p] : slots[n, p] + lengths[n, p]]
                chosen[p, n] = own.to(wide).mean(0).to(states.dtype)
            picked[site] = chosen.mul_(present[..., None]).permute(2, 0, 1, 3).contiguous()  # (L, P, n, d)
        return picked


@dataclass(frozen=True)
class VllmTokenStates:
    """States that vLLM kept while it answered: see `AnswerStates`.

    Attributes:
        ids: The answers' keys.
        prompt_lengths: Tokens in each prompt.
        answer_lengths: Tokens in each answer.
        shared: Where their states are.
        complete: Called with ranges and the answers of their rows before they are picked: has read again what lacks.
    """

    ids: tuple[RowKey, ...]
    prompt_lengths: tuple[int, ...]
    answer_lengths: tuple[int, ...]
    shared: SharedStates
    complete: Callable[[Ints32, Sequence[int]], None]

    def pick(self, ranges: Ints32, answers: Sequence[int]) -> dict[Site, torch.Tensor]:
        """Return the states of rows: see `AnswerStates.pick`."""
        self.complete(ranges, answers)
        return self.shared.pick(ranges, answers)


@contextmanager
def anonymous_file(size: int) -> Iterator[tuple[int, str]]:
    """Give a file's descriptor and the path by which it can be opened while inside the `with`."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("truthmap-states")
        try:
            os.ftruncate(descriptor, size)
            yield descriptor, f"/proc/{os.getpid()}/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    descriptor, path = tempfile.mkstemp(prefix="truthmap-states-")
    try:
        os.ftruncate(descriptor, size)
        yield descriptor, path
    finally:
        os.close(descriptor)
        Path(path).unlink(missing_ok=True)
