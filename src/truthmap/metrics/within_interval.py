"""AUC within one answer with its interval: what a probe knows beyond which answers tend to be right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from truthmap.arrays import Bools, Floats
from truthmap.seeding import seed_from

_RESAMPLES = 2000


@dataclass(frozen=True)
class WithinInterval:
    """An AUC over pairs that say the same, with its 95 % interval; `pairs` is how many there are."""

    auc: float
    low: float
    high: float
    pairs: int


def within_interval(scores: Floats, y: Bools, meaning: Sequence[str], label: str) -> WithinInterval | None:
    """Return the AUC over pairs of a right and a wrong answer with the same meaning, with a bootstrap interval.

    Meanings are drawn, with all their answers, not pairs: pairs of one meaning share answers. The point estimate is
    that of `probes.within_auc_many`.

    Args:
        scores: float (n,), higher means right.
        y: bool (n,), whether the answer is right.
        meaning: n texts; answers without a meaning (an empty string) are left out.
        label: Names the draws.

    Returns:
        The estimate, or `None` where fewer than two meanings have pairs: then there is nothing to draw from.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(meaning):
        if text:
            members[text].append(row)
    counted = np.array([_wins_and_pairs(scores[rows], y[rows]) for rows in members.values()]).reshape(-1, 2)
    counted = counted[counted[:, 1] > 0]
    if len(counted) < 2:
        return None
    generator = np.random.default_rng(seed_from("within", label))
    drawn = counted[generator.integers(len(counted), size=(_RESAMPLES, len(counted)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    wins, pairs = counted.sum(axis=0)
    return WithinInterval(float(wins / pairs), float(low), float(high), int(pairs))


def _wins_and_pairs(scores: Floats, y: Bools) -> tuple[float, int]:
    """Return how many pairs the right answer wins (a tie is half a win), and how many pairs there are."""
    n_right, n_wrong = int(y.sum()), int((~y).sum())
    if not n_right or not n_wrong:
        return 0.0, 0
    return float(rankdata(scores)[y].sum() - n_right * (n_right + 1) / 2), n_right * n_wrong
