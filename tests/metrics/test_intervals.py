"""Intervals of shares are those of SciPy and the textbook."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from truthmap.metrics.intervals import (
    effective_size,
    exact_lower_bound,
    exact_share,
    exact_share_of,
    exact_upper_bound,
    share_of,
    wilson,
)

COUNTS = [(0, 10), (3, 10), (10, 10), (217, 400)]


@pytest.mark.parametrize(("count", "n"), COUNTS)
def test_shares_have_wilsons_interval(count: int, n: int) -> None:
    found = share_of(np.arange(n) < count)
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


@pytest.mark.parametrize("hits", [0, 7, 20])
def test_copies_of_the_rows_leave_a_share_as_sure_as_it_was(hits: int) -> None:
    """Ten copies of 20 questions: what a t interval makes of 20 groups, a little wider than of 20 rows."""
    once, ten = share_of(np.arange(20) < hits), share_of(np.tile(np.arange(20) < hits, 10), list(range(20)) * 10)
    assert ten.n == 200
    assert 0 <= once.low - ten.low < 0.03
    assert 0 <= ten.high - once.high < 0.03


@pytest.mark.parametrize(("groups", "size", "share"), [(60, 8, 0.05), (20, 10, 0.3)])
def test_shares_of_groups_are_covered_as_often_as_they_say(groups: int, size: int, share: float) -> None:
    rng, of = np.random.default_rng(0), np.repeat(np.arange(groups), size)
    found = []
    for _ in range(300):
        latent = (rng.normal(size=groups)[of] + rng.normal(size=len(of))) / np.sqrt(2)
        hits = latent < norm.ppf(share)
        plain, exact = share_of(hits, of.tolist()), exact_share_of(hits, of.tolist())
        found.append((plain.low <= share <= plain.high, exact.low <= share <= exact.high))
    covered = np.mean(found, axis=0)
    assert 0.92 <= covered[0] <= 0.985
    assert covered[1] >= 0.92


def test_rows_of_their_own_are_worth_what_they_count() -> None:
    hits = np.arange(30) < 4
    assert effective_size(hits) == effective_size(hits, list("abcdefghijklmnopqrstuvwxyz0123")) == 30
    assert exact_share_of(hits) == exact_share(4, 30)
    assert exact_share_of(hits[:0]) == exact_share(0, 0)


def test_means_of_chances_have_the_interval_of_a_mean() -> None:
    chances = np.random.default_rng(0).random(400)
    half = 1.966 * chances.std(ddof=1) / 20
    found = share_of(chances)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.003)
