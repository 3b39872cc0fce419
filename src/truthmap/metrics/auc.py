"""The area under the ROC curve, of many score vectors at once: ties count one half, DeLong's variance, intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.estimate import Estimate

_DECIMALS = 6  # scores closer than this, relative to their spread, are ties: rounding noise must not break them


@dataclass(frozen=True)
class Placements:
    """Where each answer stands among those of the other outcome, for m score vectors.

    Attributes:
        right: float64 (m, n_right): share of the wrong answers below each right one; its mean is the AUC.
        wrong: float64 (m, n_wrong): share of the right answers above each wrong one.
    """

    right: Floats
    wrong: Floats

    @property
    def auc(self) -> Floats:
        """The AUCs, float64 (m,)."""
        return np.asarray(self.right.mean(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class AucMany:
    """AUCs of m score vectors on the same n answers, with their intervals.

    Attributes:
        auc: float64 (m,), in [0, 1]; ties count one half.
        low, high: float64 (m,), the confidence interval.
        variance: float64 (m,), DeLong's.
        n: How many answers.
    """

    auc: Floats
    low: Floats
    high: Floats
    variance: Floats
    n: int

    def estimate(self, row: int) -> Estimate:
        """Return the AUC of one score vector."""
        return Estimate(value=float(self.auc[row]), low=float(self.low[row]), high=float(self.high[row]), n=self.n)


def auc_estimate(scores: Floats, y: Bools, confidence: float = 0.95) -> Estimate:
    """Return the AUC of scores float (n,) for the labels y: bool (n,), scores that differ by rounding alone being ties.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    return auc_many(round_scores(scores[None]), y, confidence).estimate(0)


def round_scores(scores: Floats) -> Floats:
    """Round each row of scores (m, n) to its own precision, so that exact ties stay ties.

    Row spread × 1e-6 is far above float32's noise in a dot product and far below any difference that matters.
    """
    centre = np.median(scores, axis=-1, keepdims=True)
    return np.round((scores - centre) / _spread(scores), _DECIMALS)


def _tied_keys(scores: Floats) -> Ints:
    """Return integers in the order of each row of scores (m, n): one integer for scores that rounding makes ties."""
    return np.rint(scores / _spread(scores) * 10.0**_DECIMALS).astype(np.int64)


def _spread(scores: Floats) -> Floats:
    spread = np.std(scores, axis=-1, keepdims=True)
    return np.where(spread > 0, spread, 1.0)


def placements(scores: Floats, y: Bools) -> Placements:
    """Return each answer's placement value (Hanley and Hajian-Tilaki 1997); ties count one half.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,), the same for all rows.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    right, wrong = scores[:, y], scores[:, ~y]
    n_right, n_wrong = right.shape[1], wrong.shape[1]
    if not n_right or not n_wrong:
        raise NotEnoughDataError(f"an AUC needs right and wrong answers, got {n_right} right and {n_wrong} wrong")
    ranks = rankdata(np.concatenate([right, wrong], axis=1), axis=1)
    return Placements(
        right=(ranks[:, :n_right] - rankdata(right, axis=1)) / n_wrong,
        wrong=1 - (ranks[:, n_right:] - rankdata(wrong, axis=1)) / n_right,
    )


def auc_many(scores: Floats, y: Bools, confidence: float = 0.95) -> AucMany:
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
    placed = placements(scores, y)
    n_right, n_wrong = placed.right.shape[1], placed.wrong.shape[1]
    variance = _variance(placed.right) / n_right + _variance(placed.wrong) / n_wrong
    low, high = _logit_interval(placed.auc, variance, min(n_right, n_wrong), confidence)
    return AucMany(placed.auc, low, high, variance, len(y))


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


def auc_rowwise(scores: Floats, y: Bools) -> Floats:
    """Return the AUC of each row of scores (K, n) for its own labels (K, n): float64 (K,); ties count one half.

    Scores that differ by rounding alone are ties. A row with one outcome only gives NaN.
    """
    # Sorting numbers that carry a label in the last bit is several times faster than ranking them. Labels decide ties:
    # the right answers of a tie come last once, and first once, and the mean counts them as one half.
    keys, place = 2 * _tied_keys(scores), np.arange(y.shape[1], dtype=np.float64)
    n_right, n_wrong = y.sum(axis=1), (~y).sum(axis=1)
    places = [(np.sort(keys + last, axis=1) & 1) @ place for last in (y, ~y)]
    right = (places[0] + place.sum() - places[1]) / 2
    return np.asarray((right - n_right * (n_right - 1) / 2) / (n_right * n_wrong), dtype=np.float64)


def auc_from_counts(auc: float, n_right: int, n_wrong: int) -> Estimate:
    """Return an AUC with the 95 % interval that its size and the counts alone imply.

    The standard error is that of Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve" (Radiology 1982).
    """
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_right - 1) * (one - auc**2) + (n_wrong - 1) * (two - auc**2)
    half = float(norm.ppf(0.975) * np.sqrt(spread / (n_right * n_wrong)))
    return Estimate(value=auc, low=max(0.0, auc - half), high=min(1.0, auc + half), n=n_right + n_wrong)
