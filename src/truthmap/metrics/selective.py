"""How good a confidence is for answering only when sure: risk at each coverage, and what a threshold finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats, Ints


def risk_curve(scores: Floats, y: Bools) -> Floats:
    """Return the risk at each coverage: float64 (n,), the share of wrong ones among the 1, 2, … n surest answers.

    Answers of equal score come in random order; what is given is the mean over all such orders. This is the
    risk-coverage curve of El-Yaniv and Wiener (Journal of Machine Learning Research 2010).

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


def error_precision(scores: Floats, y: Bools) -> float:
    """Return the average precision of finding wrong answers, the least sure ones first; NaN if none is wrong.

    It is scikit-learn's `average_precision_score` with the wrong answers as positives: precision at each threshold,
    weighted by the recall that the threshold adds. Chance is the error rate.
    """
    tied = _tied(-scores, y)
    found = np.cumsum(tied.wrong)
    if not found[-1]:
        return float("nan")
    return float(np.sum(tied.wrong / found[-1] * found / (tied.before + tied.count)))


@dataclass(frozen=True)
class _Tied:
    """Groups of answers of equal score, the highest first; all are float64 or int64 (groups,).

    Attributes:
        before: Answers with a higher score.
        count: Answers in the group.
        wrong: Wrong ones among them.
    """

    before: Ints
    count: Ints
    wrong: Floats


def _tied(scores: Floats, y: Bools) -> _Tied:
    values, inverse, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    wrong = np.bincount(inverse, weights=~y, minlength=len(values)).astype(np.float64)
    count = counts.astype(np.int64)
    return _Tied(np.cumsum(count) - count, count, wrong)
