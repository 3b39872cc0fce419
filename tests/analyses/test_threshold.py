"""Thresholds and shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from truthmap.metrics.threshold import best_threshold, share


def test_a_clean_cut_is_found_half_way() -> None:
    assert best_threshold(np.array([-1.0, 0.0, 1.0, 3.0]), np.array([False, False, True, True])) == 0.5


def test_no_threshold_makes_fewer_mistakes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        y = rng.random(40) < 0.5
        scores = np.round(y + rng.normal(size=40), 1)
        found = best_threshold(scores, y)
        fewest = min(int(((scores >= t) != y).sum()) for t in np.linspace(-5, 6, 2001))
        assert ((scores >= found) != y).sum() == fewest


def test_scores_that_say_nothing_follow_the_commoner_outcome() -> None:
    y = np.array([True, True, False])
    assert best_threshold(np.zeros(3), y) < 0 < best_threshold(np.zeros(3), ~y)


@pytest.mark.parametrize(("count", "n"), [(0, 10), (3, 10), (10, 10), (217, 400)])
def test_shares_have_wilsons_interval(count: int, n: int) -> None:
    found = share(count, n)
    expected = binomtest(count, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))
