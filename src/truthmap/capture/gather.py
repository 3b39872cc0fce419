"""Picking positions out of the states of all answer tokens."""

from __future__ import annotations

import numpy as np
import torch

from truthmap.errors import ModelError
from truthmap.positions import MISSING, LocatedPositions
from truthmap.records import Site
from truthmap.store.shards import StateShard
from truthmap.store.tokens import AnswerStates


def gather(tokens: AnswerStates, located: LocatedPositions) -> StateShard:
    """Pick the positions of each answer's rows; answers that were not located are left out.

    Raises:
        ModelError: a state that was picked is not finite; the message names layer, position and question.
    """
    rows = located.rows_of(tokens.ids)
    answers = [row.answer for row in rows]
    ranges = located.stacked(rows)
    lengths = np.array([tokens.prompt_lengths[n] + tokens.answer_lengths[n] for n in answers], dtype=np.int32)
    present = ranges[..., 0] != MISSING
    assert (np.where(present, ranges[..., 1], 0) <= lengths[:, None]).all(), "a position lies behind the answer"
    picked = tokens.pick(ranges, answers)
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
