"""Picking positions out of the states of all answer tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import Bools, Ints32
from truthmap.errors import ModelError
from truthmap.positions import MISSING, LocatedPositions
from truthmap.records import Site
from truthmap.store.shards import StateShard
from truthmap.store.tokens import TokenStates


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


def gather(tokens: TokenStates, located: LocatedPositions) -> StateShard:
    """Pick the positions of each answer's rows; answers that were not located are left out.

    Raises:
        ModelError: a state that was picked is not finite; the message names layer, position and question.
    """
    rows = located.rows_of(tokens.ids)
    answers = [row.answer for row in rows]
    last_q = np.array([tokens.prompt_lengths[n] - 1 for n in answers], dtype=np.int32)[:, None, None]
    ranges = TokenRanges.of(located.stacked(rows), last_q)
    assert (ranges.start >= 0).all(), "a position lies before the last prompt token"
    lengths = np.array([tokens.answer_lengths[n] for n in answers], dtype=np.int32)[:, None]
    assert (ranges.end <= lengths + 1).all(), "a position lies behind the answer"
    picked = {}
    for site, states in tokens.states.items():
        picked[site] = torch.stack([ranges.pick(layer, answers) for layer in states])  # (L, P, n, d)
    present = ranges.present
    shard = StateShard(tuple(row.key for row in rows), located.positions, present.T, picked)
    require_finite(shard)
    return shard


def require_finite(shard: StateShard) -> None:
    """Refuse states that are not finite.

    Raises:
        ModelError: names the site, layer, position and question of the first such states.
    """
    for site, states in shard.states.items():
        # One sum per (layer, position, answer) finds NaN and infinity without a mask the size of the states.
        sums = states.float().sum(dim=-1) if states.dtype != torch.float32 else states.sum(dim=-1, dtype=torch.float64)
        faulty = torch.nonzero(~torch.isfinite(sums))
        if len(faulty):
            raise ModelError(_complaint(site, faulty, shard))


def _complaint(site: Site, faulty: torch.Tensor, shard: StateShard) -> str:
    places = [f"layer {layer}, {shard.positions[p]}, question {shard.ids[n]}" for layer, p, n in faulty[:3].tolist()]
    return (
        f"{len(faulty)} states of site {site} are NaN or infinite ({'; '.join(places)}"
        f"{'; …' if len(faulty) > len(places) else ''}): nothing of these answers was written; "
        "a wider dtype usually helps (--dtype float32 or bfloat16)"
    )
