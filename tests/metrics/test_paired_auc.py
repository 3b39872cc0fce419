"""Paired differences of AUCs: DeLong's formula by hand, and what must hold for any scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_values
from truthmap.metrics.paired_auc import auc_differences, placements


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.random(60) < 0.4
    signal = y + rng.normal(size=60)
    scores = np.stack([signal, signal + rng.normal(size=60), np.round(rng.normal(size=60)), signal * 3 - 1])
    return scores, y


def delong_by_hand(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The textbook's double loop: difference of the AUCs and its standard error."""

    def kernel(right: float, wrong: float) -> float:
        return 1.0 if right > wrong else 0.5 if right == wrong else 0.0

    v10 = [[np.mean([kernel(r, w) for w in s[~y]]) for r in s[y]] for s in (a, b)]
    v01 = [[np.mean([kernel(r, w) for r in s[y]]) for w in s[~y]] for s in (a, b)]
    covariance = np.cov(v10) / y.sum() + np.cov(v01) / (~y).sum()
    return float(np.mean(v10[0]) - np.mean(v10[1])), float(
        np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    )


def test_difference_interval_and_p_value_are_delongs(data) -> None:
    scores, y = data
    found = auc_differences(scores, y, reference=0)
    for row in (1, 2):
        difference, error = delong_by_hand(scores[row], scores[0], y)
        assert found.difference[row] == pytest.approx(difference, abs=1e-12)
        unseen = difference**2 * sum(1 / (n * (n + 1)) for n in (y.sum(), (~y).sum()))
        half = (found.high[row] - found.low[row]) / 2
        assert half == pytest.approx(2.0 * np.sqrt(error**2 + unseen), rel=0.02)  # Student's t for some 50 answers
        assert found.p_value[row] == pytest.approx(2 * norm.sf(abs(difference) / error), abs=0.01)


def test_placements_average_to_the_auc_of_scikit_learn(data) -> None:
    scores, y = data
    expected = [roc_auc_score(y, row) for row in scores]
    np.testing.assert_allclose(placements(scores, y).auc, expected)
    np.testing.assert_allclose(1 - (1 - placements(scores, y).wrong).mean(axis=1), expected)
    np.testing.assert_allclose(auc_values(scores, y), expected)


def test_scores_that_order_the_answers_alike_do_not_differ(data) -> None:
    scores, y = data
    found = auc_differences(scores, y, reference=0)
    for row in (0, 3):
        assert (found.difference[row], found.low[row], found.high[row], found.p_value[row]) == (0, 0, 0, 1)


def test_swapping_the_reference_swaps_the_sign(data) -> None:
    scores, y = data
    there, back = auc_differences(scores, y, reference=0), auc_differences(scores, y, reference=1)
    assert there.difference[1] == pytest.approx(-back.difference[0])
    assert there.p_value[1] == pytest.approx(back.p_value[0])
    assert there.low[1] == pytest.approx(-back.high[0])


def test_intervals_cover_the_true_difference_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    covered, runs = 0, 400
    # Scores y·m + noise have the AUC Φ(m / √2).
    truth = norm.cdf(1.0 / np.sqrt(2)) - norm.cdf(1.5 / np.sqrt(2))
    for _ in range(runs):
        y = rng.random(200) < 0.5
        shared = rng.normal(size=200)
        scores = np.stack([1.5 * y + shared, 1.0 * y + 0.6 * shared + 0.8 * rng.normal(size=200)])
        found = auc_differences(scores, y, reference=0)
        covered += found.low[1] <= truth <= found.high[1]
    assert 0.92 <= covered / runs <= 0.98


def test_one_outcome_only_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="got 3 right and 0 wrong"):
        auc_differences(np.zeros((2, 3)), np.ones(3, dtype=bool), reference=0)


def test_copies_of_the_questions_make_no_difference_surer(data) -> None:
    scores, y = data
    groups = [n % 60 for n in range(480)]
    once, eight = auc_differences(scores, y, 0), auc_differences(np.tile(scores, 8), np.tile(y, 8), 0, groups)
    for name in ("difference", "low", "high", "p_value"):
        np.testing.assert_allclose(getattr(eight, name), getattr(once, name), atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_so_few_answers_have_no_p_value(n: int) -> None:
    y = np.repeat([True, False], n)
    found = auc_differences(np.stack([np.zeros(2 * n), y.astype(float)]), y, reference=0)
    assert found.p_of(1) is None
    assert found.low[1] < 0.5 == found.difference[1]


def test_a_perfect_score_against_a_constant_is_not_certain() -> None:
    """The exact test of Mann and Whitney gives 2 / C(12, 6)."""
    y = np.repeat([True, False], 6)
    found = auc_differences(np.stack([np.zeros(12), np.arange(12)[::-1]]), y, reference=0)
    assert 0.2 * 2 / 924 < found.p_value[1] < 0.01
    assert 0 < found.low[1] < found.high[1] - 0.2


@pytest.mark.parametrize(("n", "size", "rival"), [(24, 1, 0.0), (20, 5, 1.0)])
def test_the_paired_test_keeps_its_level_by_group(n: int, size: int, rival: float) -> None:
    rng, rejected = np.random.default_rng(7), []
    group = np.repeat(np.arange(n), size)
    for _ in range(300):
        y = (rng.normal(size=n)[group] + rng.normal(size=n * size)) > 0
        both = rng.normal(size=n)[group]
        scores = np.stack([rival * (both + rng.normal(size=n * size)), both + rng.normal(size=n * size)])
        rejected.append(auc_differences(scores, y, 0, group.tolist()).p_value[1] <= 0.05)
    assert np.mean(rejected) <= 0.088  # 5 % and three standard errors of 300 draws
