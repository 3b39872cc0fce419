"""How good a confidence is for answering only when sure: risk at each coverage, and what a threshold finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats, Ints
from truthmap.metrics.probability import average_precision_many
from truthmap.shown import ShortRepr


@dataclass(frozen=True, repr=False)
class RiskCoverage(ShortRepr):
    """What each threshold on a confidence accepts; arrays are float64 (t,), the strictest threshold first.

    Attributes:
        threshold: The distinct scores: answers that score at least this are accepted, those that score alike together.
        coverage: Share of the answers that is accepted.
        risk: Share of wrong ones among the accepted.
    """

    threshold: Floats
    coverage: Floats
    risk: Floats


def risk_coverage(scores: Floats, y: Bools) -> RiskCoverage:
    """Return the risk-coverage curve at every threshold (El-Yaniv and Wiener, JMLR 2010): the selective risk.

    Args:
        scores: float (n,), higher means surer.
        y: bool (n,), whether each answer is right.
    """
    tied = _tied(scores, y)
    accepted = tied.before + tied.count
    return RiskCoverage(tied.score, accepted / len(scores), np.cumsum(tied.wrong) / accepted)


def risk_curve(scores: Floats, y: Bools) -> Floats:
    """Return the risk at each coverage: float64 (n,), the share of wrong ones among the 1, 2, … n surest answers.

    It is the curve of `risk_coverage` at the coverages between its thresholds too: answers of equal score come in
    random order, and what is given is the mean over all such orders.

    Args:
        scores: float (n,), higher means surer.
        y: bool (n,), whether each answer is right.
    """
    tied = _tied(scores, y)
    before = np.cumsum(tied.wrong) - tied.wrong
    place = np.arange(1, len(scores) + 1)
    within = place - np.repeat(tied.before, tied.count)
    expected = np.repeat(before, tied.count) + within * np.repeat(tied.wrong / tied.count, tied.count)
    return np.asarray(expected / place, dtype=np.float64)


def risk_area(scores: Floats, y: Bools) -> float:
    """Return the area under the risk-coverage curve, in [0, 1]: 0 is perfect, the error rate is chance.

    AURC of Geifman, Uziel and El-Yaniv (arXiv 1805.08206): the mean of the risk over all coverages.
    """
    return float(risk_curve(scores, y).mean())


def error_precision_many(scores: Floats, y: Bools) -> Floats:
    """Return the average precision of finding wrong answers, the least sure ones first, for each row of scores (m, n).

    Chance is the error rate. Where none of the answers y: bool (n,) is wrong it is NaN.
    """
    return np.full(len(scores), np.nan) if y.all() else average_precision_many(-scores, ~y)


def best_threshold(scores: Floats, y: Bools) -> float:
    """Return the threshold with the fewest mistakes: at or above it an answer is called right.

    It lies half-way between two scores, or beyond all of them; among equally good ones the middle one is taken.

    Args:
        scores: float (n,), higher means right.
        y: bool (n,), whether each answer is right.
    """
    values = np.unique(scores)
    between = np.concatenate([[values[0] - 1], (values[:-1] + values[1:]) / 2, [values[-1] + 1]])
    right_below = np.searchsorted(np.sort(scores[y]), between)
    wrong_above = (~y).sum() - np.searchsorted(np.sort(scores[~y]), between)
    mistakes = right_below + wrong_above
    best = between[mistakes == mistakes.min()]
    return float(best[len(best) // 2])


@dataclass(frozen=True)
class _Tied:
    """Groups of answers of equal score, the highest first; all are float64 or int64 (groups,).

    Attributes:
        score: The score.
        before: Answers with a higher score.
        count: Answers in the group.
        wrong: Wrong ones among them.
    """

    score: Floats
    before: Ints
    count: Ints
    wrong: Floats


def _tied(scores: Floats, y: Bools) -> _Tied:
    values, inverse, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    wrong = np.bincount(inverse, weights=~y, minlength=len(values)).astype(np.float64)
    count = counts.astype(np.int64)
    return _Tied(-values, np.cumsum(count) - count, count, wrong)
