"""Mahalanobis distances and neighbours, against formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.detector.fit_ood import fit_gaussian_ood
from truthmap.detector.ood import calibration_rows, conformal_threshold, nearest
from truthmap.errors import NotEnoughDataError


def states(n: int, width: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width))
    return (generator.normal(size=(n, width)) @ mixing * np.linspace(1, 1000, width) + 5).astype(np.float32)


def test_with_all_directions_it_is_the_mahalanobis_distance() -> None:
    x = states(500, 6)
    gaussian = fit_gaussian_ood(x, most_directions=6)
    exact = x.astype(np.float64)
    centred = exact - exact.mean(axis=0)
    inverse = np.linalg.inv(centred.T @ centred / len(x))
    wanted = np.sqrt(np.einsum("nd,de,ne->n", centred, inverse, centred))
    np.testing.assert_allclose(gaussian.distance(x), wanted, rtol=1e-4)


def test_with_few_directions_it_is_that_of_probabilistic_pca() -> None:
    x = states(400, 12)
    gaussian = fit_gaussian_ood(x, most_directions=4)
    standard = (x.astype(np.float64) - gaussian.mean) / gaussian.scale
    values, vectors = np.linalg.eigh(standard.T @ standard / len(x))
    noise = values[:-4].mean()
    covariance = vectors[:, -4:] @ np.diag(values[-4:] - noise) @ vectors[:, -4:].T + noise * np.eye(12)
    wanted = np.sqrt(np.einsum("nd,de,ne->n", standard, np.linalg.inv(covariance), standard))
    np.testing.assert_allclose(gaussian.distance(x), wanted, rtol=1e-4)


def test_fewer_answers_than_dimensions_give_the_same_spectrum() -> None:
    x = states(60, 80)
    narrow = fit_gaussian_ood(x, most_directions=10)
    standard = (x.astype(np.float64) - narrow.mean) / narrow.scale
    values = np.linalg.eigvalsh(standard.T @ standard / len(x))[::-1]
    np.testing.assert_allclose(narrow.variance, values[:10], rtol=1e-6)
    np.testing.assert_allclose(narrow.noise, values[10:].sum() / 70, rtol=1e-6)


def test_a_far_state_is_far_in_whatever_direction_it_lies() -> None:
    x = states(300, 20)
    gaussian = fit_gaussian_ood(x, most_directions=5)
    usual = np.quantile(gaussian.distance(x), 0.99)
    for step in np.eye(20) * x.std(axis=0) * 30:
        assert gaussian.distance((x[:1] + step).astype(np.float32))[0] > usual


def test_a_constant_dimension_does_no_harm() -> None:
    x = states(100, 8)
    x[:, 3] = 7
    gaussian = fit_gaussian_ood(x)
    assert np.isfinite(gaussian.distance(x)).all()


def test_the_nearest_is_the_state_itself() -> None:
    x = states(100, 16)
    gaussian = fit_gaussian_ood(x)
    coordinates = gaussian.coordinates(x).astype(np.float32)
    for n in (0, 17, 99):
        assert nearest(coordinates, gaussian.coordinates(x[n : n + 1])[0], 3)[0] == n


def test_two_states_are_not_enough() -> None:
    with pytest.raises(NotEnoughDataError, match="at least 3 training states, got 2"):
        fit_gaussian_ood(states(2, 4))


@pytest.mark.parametrize(("n", "width"), [(60, 8), (300, 200)])
@pytest.mark.parametrize("wanted", [0.01, 0.05])
def test_answers_of_the_same_kind_are_flagged_as_often_as_said(n: int, width: int, wanted: float) -> None:
    """The mean over draws of the training answers, as the conformal rate is one over those too."""
    rates, fold = [], np.arange(n) % 5
    for seed in range(8):
        x = states(n + 400, width, seed)
        fitted_to, setting = calibration_rows(fold, [str(k) for k in range(n)], wanted)
        gaussian = fit_gaussian_ood(x[:n][fitted_to])
        found = conformal_threshold(gaussian.distance(x[:n][setting]), wanted)
        rates.append((gaussian.distance(x[n:]) > found.distance).mean())
    error = np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) == pytest.approx(found.rate, abs=3.5 * error + 0.001)
    assert found.rate <= max(wanted, 1 / (setting.sum() + 1)) + 1e-12


def test_the_threshold_is_never_set_on_what_the_cloud_was_fitted_to() -> None:
    fold = np.repeat([0, 1, 2, 3, 4, -1], 40)
    group = [str(n // 2) for n in range(240)]
    fitted_to, setting = calibration_rows(fold, group, 0.05)
    assert not (fitted_to & setting).any()
    assert not (fitted_to | setting)[fold < 0].any()
    assert not set(fold[fitted_to]) & set(fold[setting])
    assert len({group[n] for n in np.flatnonzero(setting)}) == setting.sum() == 20


@pytest.mark.parametrize(
    ("n", "wanted", "rate"), [(99, 0.01, 0.01), (98, 0.01, 1 / 99), (19, 0.05, 0.05), (10, 0.01, 1 / 11)]
)
def test_a_rate_that_few_answers_cannot_keep_is_said(n: int, wanted: float, rate: float) -> None:
    found = conformal_threshold(np.arange(n, dtype=float), wanted)
    assert found.rate == pytest.approx(rate)


def test_one_fold_cannot_set_a_threshold() -> None:
    with pytest.raises(NotEnoughDataError, match="two folds"):
        calibration_rows(np.zeros(9, dtype=np.int64), list("abcdefghi"), 0.05)
