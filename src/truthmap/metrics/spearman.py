"""Spearman's rank correlation, of many scores at once, with its interval."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from truthmap.arrays import Floats
from truthmap.metrics.estimate import Estimate

_FEWEST = 4
"""Pairs that an interval needs: its standard error divides by n - 3."""


def spearman_many(scores: Floats, y: Floats) -> Floats:
    """Return the rank correlation of scores float (K, n) with y float (n,) or (K, n); ties share their mean rank.

    Returns:
        float64 (K,), NaN where all scores or all y of a row are the same.
    """
    a, b = (_centred_ranks(np.atleast_2d(values)) for values in (scores, y))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(size > 0, (a * b).sum(axis=1) / size, np.nan)
    return found


def spearman_estimate(scores: Floats, y: Floats, confidence: float = 0.95) -> Estimate | None:
    """Return the rank correlation of scores float (n,) with y float (n,), with its interval.

    The interval is that of Bonett and Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations" (Psychometrika 2000): normal in Fisher's z, with variance (1 + rho^2 / 2) / (n - 3).

    Returns:
        The estimate, or `None` with fewer than four pairs, or where all scores or all y are the same.
    """
    rho = float(spearman_many(scores[None], y)[0]) if len(y) >= _FEWEST else math.nan
    if math.isnan(rho):
        return None
    z, error = math.atanh(min(max(rho, -1 + 1e-12), 1 - 1e-12)), math.sqrt((1 + rho**2 / 2) / (len(y) - 3))
    reach = float(ndtri((1 + confidence) / 2)) * error
    return Estimate(value=rho, low=min(math.tanh(z - reach), rho), high=max(math.tanh(z + reach), rho), n=len(y))


def _centred_ranks(values: Floats) -> Floats:
    ranks = rankdata(values, axis=1)
    centred: Floats = ranks - ranks.mean(axis=1, keepdims=True)
    return centred
