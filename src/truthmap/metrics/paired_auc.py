"""Differences between AUCs that were measured on the same answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from truthmap.arrays import Bools, Floats
from truthmap.metrics.auc import Placements, placements, round_scores
from truthmap.metrics.auc_terms import GroupTerms, terms_of
from truthmap.metrics.clusters import Groups, group_numbers
from truthmap.metrics.estimate import Estimate
from truthmap.shown import ShortRepr

_WIDEST = 1.0  # variance of a value in [-1, 1], where one group alone cannot tell it

FEWEST_FOR_TEST = 5
"""Groups of right and of wrong answers below which a difference has an interval but no p-value."""


@dataclass(frozen=True, repr=False)
class AucDifferences(ShortRepr):
    """AUCs minus the AUC of a reference, on the same n answers.

    Attributes:
        difference: float64 (m,).
        low, high: float64 (m,), the confidence interval, inside [-1, 1].
        p_value: float64 (m,), two-sided; 1 where two score vectors order the answers alike, NaN where there are fewer
            than `FEWEST_FOR_TEST` groups of right or of wrong answers.
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

    def p_of(self, row: int) -> float | None:
        """Return the p-value of one score vector; `None` where the answers are too few for a test."""
        return None if np.isnan(self.p_value[row]) else float(self.p_value[row])


def auc_gain(scores: Floats, reference: Floats, y: Bools, group: Groups = None, confidence: float = 0.95) -> Estimate:
    """Return the AUC of scores float (n,) minus that of a reference (n,), scores that differ by rounding being ties.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    rows = round_scores(np.stack([reference, scores]))
    return auc_differences(rows, y, 0, group, confidence).estimate(1)


def auc_differences(
    scores: Floats, y: Bools, reference: int, group: Groups = None, confidence: float = 0.95
) -> AucDifferences:
    """Compare each row of scores with one of them, by DeLong's paired test (1988), with one term per group.

    The variance of a difference takes in how the two score vectors go together on the same answers, so it is smaller
    than that of two separate AUCs wherever they agree. Two corrections keep the test honest on few answers: Student's t
    with Welch's degrees of freedom, and the variance of one more group of each outcome that shows no difference, since
    a difference that all answers seen share (as between a perfect score and a constant one) is not a certain one.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,).
        reference: The row that all are compared with.
        group: What belongs together.
        confidence: Coverage of the interval.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    placed = placements(scores, y)
    apart = Placements(placed.right - placed.right[reference], placed.wrong - placed.wrong[reference])
    found = difference_test(apart.auc, terms_of(apart, y, group_numbers(group, len(y))), confidence)
    return AucDifferences(
        apart.auc,
        low=np.clip(found.low, -1, 1),
        high=np.clip(found.high, -1, 1),
        p_value=found.p_value,
        n=len(y),
    )


@dataclass(frozen=True)
class DifferenceTest:
    """Tests of m differences against zero.

    Attributes:
        error: float64 (m,), the standard error.
        low, high: float64 (m,), the confidence interval.
        p_value: float64 (m,), two-sided; NaN where there are too few groups.
    """

    error: Floats
    low: Floats
    high: Floats
    p_value: Floats


def difference_test(difference: Floats, terms: GroupTerms, confidence: float = 0.95) -> DifferenceTest:
    """Test differences float64 (m,) of AUCs against zero by their terms."""
    unseen = np.square(difference) * sum(1 / (n * (n + 1)) for n in (terms.n_right, terms.n_wrong))
    error = np.sqrt(terms.variance(_WIDEST) + unseen)
    freedom = terms.degrees_of_freedom(_WIDEST, unseen / 2)
    half = student.ppf((1 + confidence) / 2, freedom) * error
    ratio = np.divide(np.abs(difference), error, out=np.zeros_like(error), where=error > 0)
    p_value = np.where(terms.fewest >= FEWEST_FOR_TEST, 2 * student.sf(ratio, freedom), np.nan)
    return DifferenceTest(error, difference - half, difference + half, p_value)
