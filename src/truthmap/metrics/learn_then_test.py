"""Learn then Test by a fixed sequence of thresholds (Angelopoulos et al., arXiv 2110.01052), with exact binomial tests.

Thresholds stand in a fixed order, the safest first. Where the tests begin is decided on other data than they are made
on; each is made at the full level until the first one fails. The chance that a threshold is kept whose true risk is
above the limit is at most 1 − confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Floats, Ints
from truthmap.metrics.intervals import binomial_cdf

MOST_THRESHOLDS = 200


@dataclass(frozen=True)
class RiskCounts:
    """What is counted at m thresholds, the safest first.

    Attributes:
        tested: int64 (m,), how many count for the risk.
        hits: int64 (m,), how many of them count against it.
    """

    tested: Ints
    hits: Ints


def spread_thresholds(scores: Floats) -> Floats:
    """Return the distinct finite scores, ascending; of more than `MOST_THRESHOLDS`, so many spread evenly."""
    distinct = np.unique(scores[np.isfinite(scores)])
    places = np.unique(np.linspace(0, len(distinct) - 1, min(len(distinct), MOST_THRESHOLDS)).round().astype(int))
    return np.asarray(distinct[places], dtype=np.float64)


def first_to_test(choosing: RiskCounts, share: float, limit: float) -> int:
    """Return the threshold that is likeliest to pass: very strict ones count so few that no test could pass.

    Args:
        choosing: Counts on the data that decide where the tests begin; of at least one threshold.
        share: Size of the data that will be tested on, over that.
        limit: The bound.
    """
    expected = np.floor(choosing.tested * share)
    hits = np.ceil(choosing.hits * share)
    return int(np.argmin(binomial_cdf(np.minimum(hits, expected), expected, limit)))


def last_to_pass(testing: RiskCounts, limit: float, confidence: float) -> int | None:
    """Return the last threshold before the first one whose test fails, or `None` where the first one fails already."""
    failed = np.flatnonzero(binomial_cdf(testing.hits, testing.tested, limit) > 1 - confidence)
    passed = len(testing.tested) if not len(failed) else int(failed[0])
    return passed - 1 if passed else None
