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

    def expect(self, rows: Sequence[int], column: int, newest: Newest = last_token, /) -> None:
        """Take note that the next pass reads these rows of the batch, and of each its token of this column.

        Column 0 is the last prompt token; prompts that are alike are read once, as the first rows. `newest` picks the
        states of those tokens.
        """

    def spread(self, places: torch.Tensor) -> None:
        """Take note of whose prompt each row of the batch has: places int64 (n,) among the rows just read."""


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
        self._rows_on: dict[torch.device, torch.Tensor] = {}
        self._rows: Sequence[int] = range(n)
        self._column = 0
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

    def expect(self, rows: Sequence[int], column: int, newest: Newest = last_token, /) -> None:
        """Take note of what the next pass reads: see `PassRecorder`."""
        if list(rows) != list(self._rows):
            self._rows_on.clear()
        self._rows, self._column, self._newest = list(rows), column, newest

    def spread(self, places: torch.Tensor) -> None:
        """Give every row of the batch the first column of another one: places int64 (n,)."""
        for buffer in self.states.values():
            buffer[:, :, 0] = buffer[:, places.to(buffer.device), 0]

    def _record(self, site: Site, layer: int, states: torch.Tensor) -> None:
        buffer = self._buffers[site]
        if buffer is None:
            self._buffers[site] = buffer = states.new_zeros((*self._shape, states.shape[-1]))
        # Some families hand their projections (rows * tokens, width).
        newest = self._newest(states.reshape(len(self._rows), -1, states.shape[-1])).to(buffer.device)
        if buffer.device not in self._rows_on:
            self._rows_on[buffer.device] = torch.tensor(self._rows, device=buffer.device)
        buffer[layer, self._rows_on[buffer.device], self._column] = newest
