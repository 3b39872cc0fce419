"""AUCs with intervals that know which answers belong together: one way for grouped and for independent answers.

The interval inverts a score test, as Newcombe's fifth method does (Statistics in Medicine 2006): how the variance
changes with the true AUC is taken from Hanley and McNeil (Radiology 1982), how large it is at the AUC that was seen
from the answers, by groups. Near an AUC of 1, where the seen variance goes to zero whatever the truth is, the first
speaks louder; so the interval goes over smoothly into that of an AUC of exactly 1. docs/validity.md has its coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from truthmap.arrays import Bools, Floats
from truthmap.metrics.auc import Placements, placements, round_scores
from truthmap.metrics.auc_terms import GroupTerms, terms_of
from truthmap.metrics.clusters import Groups, group_numbers
from truthmap.metrics.estimate import Estimate

_HALVINGS = 50  # of [0, 1]: an end is then exact to rounding
_WIDEST = 0.25  # variance of a value in [0, 1], where one group alone cannot tell it


@dataclass(frozen=True)
class AucMany:
    """AUCs of m score vectors on the same n answers, with their intervals.

    Attributes:
        auc: float64 (m,), in [0, 1]; ties count one half.
        low, high: float64 (m,), the confidence interval.
        variance: float64 (m,), DeLong's, a term per group.
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


def auc_estimate(scores: Floats, y: Bools, group: Groups = None, confidence: float = 0.95) -> Estimate:
    """Return the AUC of scores float (n,) for the labels y: bool (n,), scores that differ by rounding alone being ties.

    Args:
        scores: Higher means right.
        y: Whether each answer is right.
        group: What belongs together.
        confidence: Coverage of the interval.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    return auc_many(round_scores(scores[None]), y, group, confidence).estimate(0)


def mean_auc(scores: Floats, y: Bools, group: Groups = None, confidence: float = 0.95) -> Estimate:
    """Return the mean of the AUCs of m score vectors (m, n) on the same answers, such as probes of several draws.

    The interval is that of the answers: each one's place among those of the other outcome, averaged over the vectors,
    stands for it. How much the vectors differ is not in it.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,), the same for all rows.
        group: What belongs together.
        confidence: Coverage of the interval.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    each = placements(round_scores(scores), y)
    placed = Placements(each.right.mean(axis=0, keepdims=True), each.wrong.mean(axis=0, keepdims=True))
    return _with_intervals(placed, y, group, confidence).estimate(0)


def auc_many(scores: Floats, y: Bools, group: Groups = None, confidence: float = 0.95) -> AucMany:
    """Return the AUC of every row of scores (m, n) with its interval.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,), the same for all rows.
        group: What belongs together.
        confidence: Coverage of the interval.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    return _with_intervals(placements(scores, y), y, group, confidence)


def _with_intervals(placed: Placements, y: Bools, group: Groups, confidence: float) -> AucMany:
    terms = terms_of(placed, y, group_numbers(group, len(y)))
    low, high = auc_interval(placed.auc, terms, confidence)
    return AucMany(placed.auc, low, high, terms.variance(_WIDEST), len(y))


def auc_interval(auc: Floats, terms: GroupTerms, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of AUCs (m,): all true AUCs that a score test does not reject."""
    n_right, n_wrong, fewest = terms.n_right, terms.n_wrong, terms.fewest
    # What was seen counts as much as there are groups that can tell of the spread: all at an AUC of ½, none at 0 and 1.
    # What Hanley and McNeil expect counts as much as half a group.
    telling = np.maximum(4 * auc * (1 - auc) * fewest, 1e-9)
    guess = hanley_mcneil((auc * fewest + 0.5) / (fewest + 1), n_right, n_wrong) / (2 * telling)
    ratio = (terms.variance(_WIDEST) + guess) / (hanley_mcneil(auc, n_right, n_wrong) + guess)
    reach = student.ppf((1 + confidence) / 2, terms.degrees_of_freedom(_WIDEST, guess / 2))
    return _bound(auc, 0.0, reach**2 * ratio, terms), _bound(auc, 1.0, reach**2 * ratio, terms)


def hanley_mcneil(auc: Floats, n_right: Floats, n_wrong: Floats) -> Floats:
    """Return the variance that an AUC has by its size and the counts alone, as Newcombe (2006) writes it: as of auc."""
    others = (n_right + n_wrong) / 2 - 1
    extra = others * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return np.asarray(auc * (1 - auc) * (1 + extra) / (n_right * n_wrong))


def _bound(auc: Floats, end: float, width: Floats, terms: GroupTerms) -> Floats:
    """Find the AUC between `auc` and `end` that lies as far off as its own variance allows, by halving."""
    inside, outside = auc.copy(), np.full_like(auc, end)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        beyond = (middle - auc) ** 2 > width * hanley_mcneil(middle, terms.n_right, terms.n_wrong)
        outside, inside = np.where(beyond, middle, outside), np.where(beyond, inside, middle)
    return np.where(auc == end, end, (inside + outside) / 2)
