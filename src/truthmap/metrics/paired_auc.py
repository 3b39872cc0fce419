"""Differences between AUCs that were measured on the same answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from truthmap.arrays import Bools, Floats
from truthmap.metrics.auc import placements, round_scores
from truthmap.metrics.estimate import Estimate


@dataclass(frozen=True)
class AucDifferences:
    """AUCs minus the AUC of a reference, on the same n answers.

    Attributes:
        difference: float64 (m,).
        low, high: float64 (m,), the confidence interval, inside [-1, 1].
        p_value: float64 (m,), two-sided; 1 where two score vectors order the answers alike.
        n: How many answers.
    """

    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats
    n: int

    def estimate(self, row: int) -> Estimate:
        """Return the difference of one score vector."""
        value, low, high = (float(each[row]) for each in (self.difference, self.low, self.high))
        return Estimate(value=value, low=low, high=high, n=self.n)


def auc_gain(scores: Floats, reference: Floats, y: Bools, confidence: float = 0.95) -> Estimate:
    """Return the AUC of scores float (n,) minus that of a reference (n,), scores that differ by rounding being ties.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    return auc_differences(round_scores(np.stack([reference, scores])), y, 0, confidence).estimate(1)


def auc_differences(scores: Floats, y: Bools, reference: int, confidence: float = 0.95) -> AucDifferences:
    """Compare each row of scores with one of them, by the paired test of DeLong, DeLong and Clarke-Pearson (1988).

    The variance of a difference takes in how the two score vectors go together on the same answers, so it is smaller
    than that of two separate AUCs wherever they agree.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,).
        reference: The row that all are compared with.
        confidence: Coverage of the interval.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    placed = placements(scores, y)
    right, wrong = placed.right - placed.right[reference], placed.wrong - placed.wrong[reference]
    difference = right.mean(axis=1)
    error = np.sqrt(_variance_of_mean(right) + _variance_of_mean(wrong))
    half = norm.ppf((1 + confidence) / 2) * error
    z = np.divide(np.abs(difference), error, out=np.zeros_like(error), where=error > 0)
    certain = (error == 0) & (difference != 0)
    return AucDifferences(
        difference,
        low=np.clip(difference - half, -1, 1),
        high=np.clip(difference + half, -1, 1),
        p_value=np.where(certain, 0.0, 2 * norm.sf(z)),
        n=len(y),
    )


def _variance_of_mean(values: Floats) -> Floats:
    n = values.shape[1]
    # One answer tells nothing of the spread: the widest that values in [-1, 1] can have stands in for it.
    return np.var(values, axis=1, ddof=1) / n if n > 1 else np.ones(len(values))
