"""Differences between AUCs that were measured on the same answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from truthmap.arrays import Bools, Floats
from truthmap.errors import NotEnoughDataError


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
class AucDifferences:
    """AUCs minus the AUC of a reference, on the same answers.

    Attributes:
        difference: float64 (m,).
        low, high: float64 (m,), the confidence interval, inside [-1, 1].
        p_value: float64 (m,), two-sided; 1 where two score vectors order the answers alike.
    """

    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats


def placements(scores: Floats, y: Bools) -> Placements:
    """Return each answer's placement value (Hanley and Hajian-Tilaki 1997); ties count one half.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,).

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
    )


def _variance_of_mean(values: Floats) -> Floats:
    n = values.shape[1]
    # One answer tells nothing of the spread: the widest that values in [-1, 1] can have stands in for it.
    return np.var(values, axis=1, ddof=1) / n if n > 1 else np.ones(len(values))
