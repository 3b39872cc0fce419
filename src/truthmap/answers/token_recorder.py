"""The states of the tokens of a batch, kept while it is decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Protocol

import torch

from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.model import LanguageModel
from truthmap.records import Site

Newest = Callable[[torch.Tensor], torch.Tensor]
"""Picks, from the states of a pass, those of each active row's newest token: (rows, d)."""


def last_token(states: torch.Tensor) -> torch.Tensor:
    """Pick the states of the last column: (rows, tokens, d) -> (rows, d)."""
    return states[:, -1]


class PassRecorder(Protocol):
    """Whoever keeps states of a batch while it is decoded is told what each pass reads."""

    def expect(self, rows: Sequence[int], columns: Sequence[int], newest: Newest = last_token, /) -> None:
        """Take note that the next pass reads these rows of the batch, and of each its token of this column.

        Column 0 is the last prompt token; prompts that are alike are read once. `newest` picks the states of those
        tokens.
        """

    def spread(self, rows: Sequence[int], places: Sequence[int]) -> None:
        """Take note of whose prompt each of some rows has: a place for each, among the rows just read."""


class TokenRecorder:
    """Buffers for the states that forward passes give, one column a token.

    A buffer is (L, n, columns, d) for each site, in the model's dtype and on its device; column 0 is the last prompt
    token, column t the t-th answer token.

    Args:
        lm: The model.
        sites: What is kept; nothing for none.
        n: Rows of the batch.
        columns: Most tokens that a row can have, the last prompt token included.
    """

    def __init__(self, lm: LanguageModel, sites: tuple[Site, ...], n: int, columns: int) -> None:
        self._lm = lm
        self._buffers: dict[Site, torch.Tensor | None] = dict.fromkeys(sites)
        self._shape = (lm.n_layers, n, columns)
        self._at: dict[torch.device, tuple[torch.Tensor, torch.Tensor | int]] = {}
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._newest: Newest = last_token

    @property
    def states(self) -> dict[Site, torch.Tensor]:
        """The buffers that something was written to."""
        return {site: buffer for site, buffer in self._buffers.items() if buffer is not None}

    def recording(self) -> ExitStack:
        """Install the hooks that keep the states; they go with the `with`."""
        hooks = ExitStack()
        for site in self._buffers:
            hooks.enter_context(record_hidden_states(self._lm.blocks.at(site), partial(self._record, site)))
        return hooks

    def expect(self, rows: Sequence[int], columns: Sequence[int], newest: Newest = last_token, /) -> None:
        """Take note of what the next pass reads: see `PassRecorder`."""
        self._at.clear()
        self._rows, self._columns, self._newest = list(rows), list(columns), newest

    def spread(self, rows: Sequence[int], places: Sequence[int]) -> None:
        """Give rows the first column of others, which were just read: see `PassRecorder`."""
        read = [self._rows[place] for place in places]
        for buffer in self.states.values():
            buffer[:, list(rows), 0] = buffer[:, read, 0]

    def of(self, rows: Sequence[int], *, copied: bool) -> dict[Site, torch.Tensor]:
        """Return the states of rows: for each site (L, rows, columns, d); if not `copied`, it may be the buffer."""
        own = not copied and list(rows) == list(range(self._shape[1]))
        return {site: buffer if own else buffer[:, list(rows)] for site, buffer in self.states.items()}

    def _record(self, site: Site, layer: int, states: torch.Tensor) -> None:
        buffer = self._buffers[site]
        if buffer is None:
            self._buffers[site] = buffer = states.new_zeros((*self._shape, states.shape[-1]))
        # Some families hand their projections (rows * tokens, width).
        newest = self._newest(states.reshape(len(self._rows), -1, states.shape[-1])).to(buffer.device)
        rows, columns = self._places_on(buffer.device)
        buffer[layer, rows, columns] = newest

    def _places_on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor | int]:
        """Return rows and columns of the pass for indexing a buffer there; one column where it is everybody's."""
        if device not in self._at:
            alike = len(set(self._columns)) == 1
            columns = self._columns[0] if alike else torch.tensor(self._columns, device=device)
            self._at[device] = torch.tensor(self._rows, device=device), columns
        return self._at[device]
