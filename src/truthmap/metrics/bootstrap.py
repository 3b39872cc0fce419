"""Percentile intervals by resampling whole groups: what belongs together rises and falls together.

The bootstrap for clustered data: Field and Welsh, Journal of the Royal Statistical Society B 2007. Any measure can be
resampled by the answers' indices. Few groups vary less among their resamples than they should, so the percentiles lie
further out for them (Hesterberg, The American Statistician 2015, section 3.3); and they are corrected for bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from truthmap.arrays import Floats, Ints
from truthmap.metrics.estimate import Estimate
from truthmap.seeding import seed_from

RESAMPLES = 1000
"""Resamples: the ends of a 95 % interval then rest on 25 of them each."""


def tail_of(n_groups: int, tail: float = 0.025) -> float:
    """Return the share of the resamples of so many groups to leave out on each side, where `tail` is meant.

    >>> round(tail_of(10), 4), round(tail_of(1000), 4)
    (0.0086, 0.0248)
    """
    if n_groups < 2:
        return 0.0
    return float(norm.cdf(math.sqrt(n_groups / (n_groups - 1)) * student.ppf(tail, n_groups - 1)))


def percentile_interval(drawn: Floats, whole: Floats, tail: float = 0.025) -> tuple[Floats, Floats]:
    """Return the ends of the interval of m measures: bias-corrected percentiles (Efron, JASA 1987).

    Resamples of a measure that answers drawn twice push up, as average precision, lie above it; the percentiles move
    down by as much.

    Args:
        drawn: float (R, m), the measures of the resamples; NaN is left out.
        whole: float (m,), those of the answers as they are.
        tail: The share of the resamples to leave out on each side, before that correction.
    """
    known = np.maximum(np.isfinite(drawn).sum(axis=0), 1)
    below = ((drawn < whole).sum(axis=0) + (drawn == whole).sum(axis=0) / 2) / known
    bias = norm.ppf(np.clip(below, 0.5 / known, 1 - 0.5 / known))
    shares = norm.cdf(2 * bias + norm.ppf([[tail], [1 - tail]]))
    ends = [np.nanquantile(column, share) for column, share in zip(drawn.T, shares.T, strict=True)]
    low, high = np.array(ends).T
    return np.minimum(low, whole), np.maximum(high, whole)


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
    drawn = np.stack([measure(np.concatenate([blocks[group] for group in draw])) for draw in draws])
    low, high = percentile_interval(drawn, whole, tail_of(len(blocks)))
    ends = zip(whole, low, high, strict=True)
    return [Estimate(value=float(v), low=float(lo), high=float(hi), n=len(groups)) for v, lo, hi in ends]


def draw_groups(n_groups: int, resamples: int, seed: int) -> Ints:
    """Draw as many groups as there are, with replacement, again and again: int64 (resamples, n_groups)."""
    return np.random.default_rng(seed).integers(n_groups, size=(resamples, n_groups))
