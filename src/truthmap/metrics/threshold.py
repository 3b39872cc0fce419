"""A threshold on scores, and how often it is wrong."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from truthmap.arrays import Bools, Floats
from truthmap.metrics.estimate import Estimate


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


def share(count: int, n: int, confidence: float = 0.95) -> Estimate:
    """Return a share with Wilson's interval (Journal of the American Statistical Association 1927).

    >>> str(share(5, 10))
    '0.500 [0.237, 0.763]'
    """
    z = float(norm.ppf((1 + confidence) / 2))
    p = count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(value=p, low=max(0.0, float(centre - half)), high=min(1.0, float(centre + half)))
