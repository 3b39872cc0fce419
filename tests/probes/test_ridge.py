"""Ridge probes: scikit-learn's optimum, rows never predict themselves, and shuffled labels are not read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from truthmap.metrics.spearman import spearman_estimate, spearman_many
from truthmap.probes.ridge import STRENGTHS, RidgeMap, fit_ridge, out_of_fold_ridge


def drawn(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(n + d)
    x = draw.normal(size=(n, d)) * draw.uniform(0.1, 9, size=d) + 5
    return x, x @ draw.normal(size=d) + draw.normal(size=n), np.arange(n) % 4


@pytest.mark.parametrize(("n", "d"), [(40, 7), (12, 30)])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_optimum_is_that_of_scikit_learn(n: int, d: int, strength: float) -> None:
    x, y, _ = drawn(n, d)
    scaler = StandardScaler().fit(x)
    reference = Ridge(alpha=strength * d).fit(scaler.transform(x), y)
    probe = fit_ridge(x, y, strength)
    np.testing.assert_allclose(probe.weight, reference.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(probe.predict(x), reference.predict(scaler.transform(x)), rtol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(40, 7), (24, 30)])
def test_each_row_is_predicted_by_who_has_not_seen_its_fold(n: int, d: int) -> None:
    x, y, fold = drawn(n, d)
    found = out_of_fold_ridge(x, np.stack([y, y[::-1]], axis=1), fold)
    for k, strength in enumerate(STRENGTHS):
        for each in range(4):
            for target, labels in enumerate((y, y[::-1])):
                probe = fit_ridge(x[fold != each], labels[fold != each], strength)
                np.testing.assert_allclose(found[k, target, fold == each], probe.predict(x[fold == each]), rtol=1e-6)


def test_rank_correlation_is_that_of_scipy() -> None:
    draw = np.random.default_rng(0)
    scores = np.round(draw.normal(size=(5, 60)), 1)
    y = np.round(draw.normal(size=60) + scores[0], 1)
    np.testing.assert_allclose(spearman_many(scores, y), [spearmanr(row, y).statistic for row in scores])
    assert np.isnan(spearman_many(np.ones((1, 60)), y)[0])
    assert spearman_estimate(np.ones(60), y) is None
    assert spearman_estimate(y[:3], y[:3]) is None


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_interval_holds_the_truth_nineteen_times_of_twenty(rho: float) -> None:
    draw = np.random.default_rng(1)
    truth = 6 / np.pi * np.arcsin(rho / 2)  # of two normal numbers with this correlation
    held = 0
    for _ in range(600):
        a, b = draw.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=60).T
        found = spearman_estimate(a, b)
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 600 <= 0.975


def test_the_best_cell_is_one_that_half_of_the_rows_have() -> None:
    nan = float("nan")
    spearman, n = np.array([[0.9, 0.5], [nan, 0.6]]), np.array([[10, 90], [80, 100]])
    found = RidgeMap(spearman, np.ones((2, 2)), n, np.array([0.55, 0.1]))
    assert found.best() == (1, 1)
    np.testing.assert_allclose(found.p_value, [[1 / 3, 2 / 3], [nan, 1 / 3]])
