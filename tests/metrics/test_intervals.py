"""Intervals of shares are those of SciPy and the textbook."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from truthmap.metrics.intervals import exact_lower_bound, exact_share, exact_upper_bound, wilson, wilson_share

COUNTS = [(0, 10), (3, 10), (10, 10), (217, 400)]


@pytest.mark.parametrize(("count", "n"), COUNTS)
def test_shares_have_wilsons_interval(count: int, n: int) -> None:
    found = wilson_share(count, n)
    expected = binomtest(count, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))
    assert (found.value, found.n) == (count / n, n)


@pytest.mark.parametrize(("count", "n"), COUNTS)
def test_shares_have_the_exact_interval(count: int, n: int) -> None:
    found = exact_share(count, n)
    expected = binomtest(count, n).proportion_ci(method="exact")
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))


@pytest.mark.parametrize(("count", "n"), COUNTS)
def test_one_sided_bounds_are_exact(count: int, n: int) -> None:
    upper = binomtest(count, n, alternative="less").proportion_ci(0.9, method="exact").high
    lower = binomtest(count, n, alternative="greater").proportion_ci(0.9, method="exact").low
    assert exact_upper_bound(count, n, 0.9) == pytest.approx(upper, abs=1e-9)
    assert exact_lower_bound(count, n, 0.9) == pytest.approx(lower, abs=1e-9)


def test_a_share_of_nothing_is_nothing_and_may_be_all() -> None:
    found = exact_share(0, 0)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 1.0)


def test_wilsons_interval_is_the_textbooks() -> None:
    low, high = wilson(np.array([8, 0, 10]), np.array([10, 10, 10]))
    assert low == pytest.approx([0.4902, 0.0, 0.7225], abs=1e-4)
    assert high == pytest.approx([0.9433, 0.2775, 1.0], abs=1e-4)
