"""Percentile intervals by resampling whole groups: what belongs together rises and falls together.

The bootstrap for clustered data: Field and Welsh, Journal of the Royal Statistical Society B 2007. Any measure can be
resampled by the answers' indices; an AUC of many rows takes the number of times that each group was drawn as weights,
which is the same and much faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from truthmap.arrays import Bools, Floats, Floats32, Ints
from truthmap.metrics.auc import AucMany, auc_many
from truthmap.metrics.estimate import Estimate
from truthmap.seeding import seed_from

RESAMPLES = 1000
"""Resamples: the ends of a 95 % interval then rest on 25 of them each."""

_PAIRS_AT_ONCE = 8_000_000  # comparisons of right with wrong answers held at once: 32 MB


def percentile_interval(drawn: Floats, tail: float = 0.025) -> tuple[Floats, Floats]:
    """Return the ends of the interval of each measure, from its resamples: float (R, …), NaN left out, → (…).

    On each side it leaves the share `tail` of the resamples out.
    """
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    return low, high


def bootstrap(
    measure: Callable[[Ints], Floats], groups: Sequence[str], label: str, resamples: int | None = None
) -> list[Estimate]:
    """Return measures of n answers with percentile intervals, by resampling whole groups.

    Args:
        measure: From the indices of the answers in a resample (an answer may come several times) to float (m,): m
            measures of it. A resample in which a measure is NaN does not count for that measure.
        groups: What belongs together, n names: groups are drawn, not answers.
        label: Names the analysis; the draws depend on it alone.
        resamples: How many resamples; by default `RESAMPLES`.
    """
    members: dict[str, list[int]] = {}
    for n, group in enumerate(groups):
        members.setdefault(group, []).append(n)
    blocks = [np.array(rows, dtype=np.int64) for rows in members.values()]
    whole = measure(np.arange(len(groups), dtype=np.int64))
    draws = draw_groups(len(blocks), resamples or RESAMPLES, seed_from("bootstrap", label))
    low, high = percentile_interval(
        np.stack([measure(np.concatenate([blocks[group] for group in draw])) for draw in draws])
    )
    ends = zip(whole, low, high, strict=True)
    return [Estimate(value=float(v), low=float(lo), high=float(hi), n=len(groups)) for v, lo, hi in ends]


def draw_groups(n_groups: int, resamples: int, seed: int) -> Ints:
    """Draw as many groups as there are, with replacement, again and again: int64 (resamples, n_groups)."""
    return np.random.default_rng(seed).integers(n_groups, size=(resamples, n_groups))


def bootstrap_auc(
    scores: Floats, y: Bools, group: Sequence[str], confidence: float, n_resamples: int = RESAMPLES, seed: int = 0
) -> AucMany:
    """Return the AUC of every row of scores (m, n) with the percentile interval of resampled groups.

    Every row sees the same draws. Draws without right or without wrong answers are left out.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    point = auc_many(scores, y, confidence)
    _, unit = np.unique(np.asarray(group, dtype=object).astype(str), return_inverse=True)
    n_groups = unit.max() + 1
    draws = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_resamples)
    weights = draws[:, unit].astype(np.float32)
    right, wrong = weights[:, y], weights[:, ~y]
    pairs = right.sum(axis=1, dtype=np.float64) * wrong.sum(axis=1, dtype=np.float64)
    usable = pairs > 0
    aucs = np.stack([_weighted_wins(row[y], row[~y], right, wrong) for row in scores])[:, usable] / pairs[usable]
    low, high = percentile_interval(aucs.T, (1 - confidence) / 2)
    return AucMany(point.auc, low, high, aucs.var(axis=1, ddof=1), len(y))


def _weighted_wins(
    above: Floats,
    below: Floats,
    right: Floats32,
    wrong: Floats32,
) -> Floats:
    """Sum over pairs of right and wrong answers, weights (R, ·) multiplied, a tie counting ½: float64 (R,)."""
    total = np.zeros(len(right))
    rows = max(1, _PAIRS_AT_ONCE // len(below))
    for start in range(0, len(above), rows):
        piece = above[start : start + rows, None]
        wins = (piece > below).astype(np.float32) + np.float32(0.5) * (piece == below)
        total += np.einsum("rj,rj->r", right[:, start : start + rows] @ wins, wrong, dtype=np.float64)
    return total
