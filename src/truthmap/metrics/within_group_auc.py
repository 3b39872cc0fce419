"""AUC within one answer: what a probe knows beyond which answers tend to be right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from truthmap.arrays import Bools, Floats
from truthmap.metrics.bootstrap import draw_groups, percentile_interval
from truthmap.metrics.estimate import Estimate
from truthmap.seeding import seed_from

_RESAMPLES = 2000


@dataclass(frozen=True)
class WithinAuc:
    """How often the right one of two answers of a group is scored higher.

    Attributes:
        auc: float64 (m,), for each row of scores; NaN where there are no pairs.
        pairs: Pairs of a right and a wrong answer of one group.
    """

    auc: Floats
    pairs: int


def within_auc_many(scores: Floats, y: Bools, group: Sequence[str]) -> WithinAuc:
    """Return the AUC over pairs of one group, for every row of scores (m, n).

    All pairs of all groups count alike, ties one half; answers without a group (an empty string) are left out. Where
    the answers of a group say the same, "some answers are right more often" cannot raise this AUC above 0.5.
    """
    wins, pairs = np.zeros(len(scores)), 0
    for contest in _contests(scores, y, group):
        wins += contest.wins
        pairs += contest.pairs
    return WithinAuc(wins / pairs if pairs else np.full(len(scores), np.nan), pairs)


def within_auc(scores: Floats, y: Bools, group: Sequence[str], label: str) -> Estimate | None:
    """Return the AUC over pairs of a right and a wrong answer of one group, with a bootstrap interval.

    Groups are drawn, with all their answers, not pairs: pairs of one group share answers.

    Args:
        scores: float (n,), higher means right.
        y: bool (n,), whether the answer is right.
        group: n names; answers without one (an empty string) are left out.
        label: Names the draws.

    Returns:
        The estimate, n being the number of pairs, or `None` where fewer than two groups have pairs: then there is
        nothing to draw from.
    """
    counted = np.array([(float(g.wins[0]), g.pairs) for g in _contests(scores[None], y, group)]).reshape(-1, 2)
    if len(counted) < 2:
        return None
    drawn = counted[draw_groups(len(counted), _RESAMPLES, seed_from("within", label))].sum(axis=1)
    low, high = percentile_interval(drawn[:, 0] / drawn[:, 1])
    wins, pairs = counted.sum(axis=0)
    return Estimate(value=float(wins / pairs), low=float(low), high=float(high), n=int(pairs))


@dataclass(frozen=True)
class _Contest:
    """The answers of one group: pairs that the right one wins, float64 (m,), a tie being half a win, of how many."""

    wins: Floats
    pairs: int


def _contests(scores: Floats, y: Bools, group: Sequence[str]) -> Iterator[_Contest]:
    """Yield the groups that have a right and a wrong answer, in the order in which they first come."""
    members: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(group):
        if text:
            members[text].append(row)
    for rows in members.values():
        right = y[rows]
        n_right, n_wrong = int(right.sum()), int((~right).sum())
        if n_right and n_wrong:
            ranks = rankdata(scores[:, rows], axis=1)[:, right]
            yield _Contest(ranks.sum(axis=1) - n_right * (n_right + 1) / 2, n_right * n_wrong)
