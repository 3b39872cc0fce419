"""The states of the tokens of a batch, in memory, before positions are picked from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from truthmap.arrays import Bools, Ints32
from truthmap.positions import MISSING
from truthmap.records import RowKey, Site


class AnswerStates(Protocol):
    """States of the last prompt token and of every answer token of a batch, wherever they are."""

    @property
    def ids(self) -> tuple[RowKey, ...]:
        """The answers' keys."""
        ...

    @property
    def prompt_lengths(self) -> tuple[int, ...]:
        """Tokens in each prompt."""
        ...

    @property
    def answer_lengths(self) -> tuple[int, ...]:
        """Tokens in each answer."""
        ...

    def pick(self, ranges: Ints32, answers: Sequence[int]) -> dict[Site, torch.Tensor]:
        """Return the states of rows.

        Args:
            ranges: int32 (n, P, 2), `[start, end)` in prompt + answer ids; what is missing starts at `MISSING`.
            answers: For each row, which of the answers it is of.

        Returns:
            For each site (L, P, n, d) on the CPU; a range of several tokens gives the mean of their states, taken in
            float32 at least, and what is missing is zero.
        """
        ...


class PickedFrom(Protocol):
    """States of some tokens of sequences."""

    def pick(self, ranges: Ints32, answers: Sequence[int], /) -> dict[Site, torch.Tensor]:
        """Return the states of rows of the sequences: see `AnswerStates.pick`."""
        ...


class StateReader(Protocol):
    """An engine that reads sequences once for the states of some of their tokens."""

    def read(
        self,
        sequences: Sequence[Sequence[int]],
        kept: Sequence[Sequence[tuple[int, int]]],
        on_progress: Callable[[int], None] | None = None,
        /,
    ) -> PickedFrom:
        """Read sequences.

        Args:
            sequences: Token ids.
            kept: Which tokens of each, as `[start, end)` that do not meet, in their order; none is empty.
            on_progress: Called with how many sequences are done so far.

        Raises:
            ModelError: the engine fails, or does not give some of the states.
        """
        ...

    def most_tokens(self) -> int:
        """Return of how many tokens it can keep the states at once."""
        ...

    @property
    def block(self) -> int:
        """Tokens in a block of its prefix cache."""
        ...


@dataclass(frozen=True)
class TokenRanges:
    """Which tokens n rows have at P positions, as columns of the states at hand.

    Attributes:
        start, end: int32 (n, P), `[start, end)`; a missing position's are 0 and 1.
        present: bool (n, P).
    """

    start: Ints32
    end: Ints32
    present: Bools

    @classmethod
    def of(cls, ranges: Ints32, first: Ints32 | int) -> TokenRanges:
        """Make it from ranges int32 (n, P, 2) of the whole sequence, of which the column 0 at hand is token `first`."""
        present = ranges[..., 0] != MISSING
        shifted = np.where(present[..., None], ranges - first, np.array([0, 1], dtype=ranges.dtype))
        return cls(shifted[..., 0], shifted[..., 1], present)

    def pick(self, states: torch.Tensor, answers: Sequence[int]) -> torch.Tensor:
        """Return the states of the rows: (answers, tokens, d) and each row's answer → (P, n, d), on the CPU.

        A range of several tokens gives the mean of their states, taken in float32 at least; what is missing is zero.
        """
        at = torch.as_tensor(self.start.T.astype(np.int64), device=states.device)  # (P, n)
        which = torch.as_tensor(answers, dtype=torch.long, device=states.device)
        chosen = states[which[None, :], at]
        wide = torch.promote_types(states.dtype, torch.float32)
        for n, p in np.argwhere(self.end - self.start > 1):
            chosen[p, n] = states[answers[n], self.start[n, p] : self.end[n, p]].to(wide).mean(0).to(states.dtype)
        return chosen.cpu().mul_(torch.from_numpy(self.present.T)[..., None])


@dataclass(frozen=True)
class TokenStates:
    """States of the last prompt token and of every answer token of a batch.

    Attributes:
        ids: The answers' keys, in the order of axis n.
        prompt_lengths: Tokens in each prompt.
        answer_lengths: Tokens in each answer.
        states: For each site (L, n, 1 + longest answer, d): column 0 is the last prompt token, column t the t-th answer
            token; columns behind an answer's end mean nothing.
    """

    ids: tuple[RowKey, ...]
    prompt_lengths: tuple[int, ...]
    answer_lengths: tuple[int, ...]
    states: Mapping[Site, torch.Tensor]

    def pick(self, ranges: Ints32, answers: Sequence[int]) -> dict[Site, torch.Tensor]:
        """Return the states of rows: see `AnswerStates.pick`."""
        last_q = np.array([self.prompt_lengths[n] - 1 for n in answers], dtype=np.int32)[:, None, None]
        columns = TokenRanges.of(ranges, last_q)
        assert (columns.start >= 0).all(), "a position lies before the last prompt token"
        return {
            site: torch.stack([columns.pick(layer, answers) for layer in states])  # (L, P, n, d)
            for site, states in self.states.items()
        }
