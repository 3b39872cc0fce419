"""Confidence intervals of shares that were counted: Wilson's, and the exact ones of Clopper and Pearson."""

from __future__ import annotations

import numpy as np
from scipy.stats import beta, norm

from truthmap.arrays import Floats, Ints
from truthmap.metrics.estimate import Estimate

CONFIDENCE = 0.95


def wilson(hits: Ints, n: Ints, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's score interval (JASA 1927) of shares hits / n, each of the arrays' shape."""
    z = float(norm.ppf((1 + confidence) / 2))
    share = hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def wilson_share(hits: int, n: int) -> Estimate:
    """Return a share with Wilson's 95 % interval.

    >>> str(wilson_share(5, 10))
    '0.500 [0.237, 0.763]'
    """
    low, high = wilson(np.array(hits), np.array(n))
    return Estimate(value=hits / n, low=float(low), high=float(high), n=n)


def exact_share(hits: int, n: int) -> Estimate:
    """Return a share with its exact 95 % interval (Clopper and Pearson 1934); a share of nothing is 0, and may be all.

    >>> str(exact_share(0, 10))
    '0.000 [0.000, 0.308]'
    """
    each_side = (1 + CONFIDENCE) / 2
    return Estimate(
        value=hits / n if n else 0.0,
        low=exact_lower_bound(hits, n, each_side),
        high=exact_upper_bound(hits, n, each_side),
        n=n,
    )


def exact_lower_bound(hits: int, n: int, confidence: float) -> float:
    """Return the exact one-sided lower confidence bound of a share (Clopper and Pearson 1934)."""
    return 0.0 if hits == 0 else float(beta.ppf(1 - confidence, hits, n - hits + 1))


def exact_upper_bound(hits: int, n: int, confidence: float) -> float:
    """Return the exact one-sided upper confidence bound of a share (Clopper and Pearson 1934)."""
    return 1.0 if hits >= n else float(beta.ppf(confidence, hits + 1, n - hits))
