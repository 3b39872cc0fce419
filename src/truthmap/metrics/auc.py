"""Scores of many probes at once: AUC with ties, its variance by DeLong, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError

_DECIMALS = 6  # scores closer than this, relative to their spread, are ties: rounding noise must not break them


@dataclass(frozen=True)
class Auc:
    """AUCs of m score vectors on the same answers, with their intervals.

    Attributes:
        auc: float64 (m,), in [0, 1]; ties count one half.
        low, high: float64 (m,), the confidence interval.
        variance: float64 (m,), DeLong's.
    """

    auc: Floats
    low: Floats
    high: Floats
    variance: Floats


def round_scores(scores: Floats) -> Floats:
    """Round each row of scores (m, n) to its own precision, so that exact ties stay ties.

    Row spread × 1e-6 is far above float32's noise in a dot product and far below any difference that matters.
    """
    centre = np.median(scores, axis=-1, keepdims=True)
    return np.round((scores - centre) / _spread(scores), _DECIMALS)


def tied_keys(scores: Floats) -> Ints:
    """Return integers in the order of each row of scores (m, n): one integer for scores that rounding makes ties."""
    return np.rint(scores / _spread(scores) * 10.0**_DECIMALS).astype(np.int64)


def _spread(scores: Floats) -> Floats:
    spread = np.std(scores, axis=-1, keepdims=True)
    return np.where(spread > 0, spread, 1.0)


def auc_many(scores: Floats, y: Bools, confidence: float = 0.95) -> Auc:
    """Return the AUC of every row of scores, with DeLong's interval on the logit scale.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,), the same for all rows.
        confidence: Coverage of the interval.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.

    The variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 1988), by midranks as in Sun and Xu (IEEE
    Signal Processing Letters 2014). On the logit scale the interval stays inside [0, 1]; at an AUC of exactly 0 or 1,
    where that variance is zero, the interval reaches as far as the exact binomial's would with one observation per pair
    of the rarer outcome (the rule of three).
    """
    right, wrong = scores[:, y], scores[:, ~y]
    n_right, n_wrong = right.shape[1], wrong.shape[1]
    if not n_right or not n_wrong:
        raise NotEnoughDataError(f"an AUC needs right and wrong answers, got {n_right} right and {n_wrong} wrong")
    both = np.concatenate([right, wrong], axis=1)
    ranks = rankdata(both, axis=1)
    above = (ranks[:, :n_right] - rankdata(right, axis=1)) / n_wrong  # share of wrong ones below each right one
    below = 1 - (ranks[:, n_right:] - rankdata(wrong, axis=1)) / n_right  # share of right ones above each wrong one
    auc = above.mean(axis=1)
    variance = _variance(above) / n_right + _variance(below) / n_wrong
    low, high = _logit_interval(auc, variance, min(n_right, n_wrong), confidence)
    return Auc(auc, low, high, variance)


def _variance(values: Floats) -> Floats:
    return np.var(values, axis=1, ddof=1) if values.shape[1] > 1 else np.full(len(values), 0.25)


def _logit_interval(auc: Floats, variance: Floats, n_rarer: int, confidence: float) -> tuple[Floats, Floats]:
    z = norm.ppf((1 + confidence) / 2)
    edge = (1 - confidence) ** (1 / n_rarer)
    inside = (auc > 0) & (auc < 1)
    safe = np.where(inside, auc, 0.5)
    half = z * np.sqrt(variance) / (safe * (1 - safe))
    low = np.where(inside, expit(logit(safe) - half), np.where(auc >= 1, edge, 0.0))
    high = np.where(inside, expit(logit(safe) + half), np.where(auc >= 1, 1.0, 1 - edge))
    return low, high
