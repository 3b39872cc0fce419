"""From scores to probabilities: against scikit-learn's calibrators, and that probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import expit

from truthmap.detector.calibration import Isotonic, Platt
from truthmap.detector.fit_calibration import fit_calibrator, fit_isotonic, fit_platt, reliability
from truthmap.errors import NotEnoughDataError


def sample(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    scores = generator.normal(0, 3, n)
    return scores, generator.random(n) < expit(0.7 * scores - 0.5)


def test_the_sigmoid_is_scikit_learns() -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    scores, right = sample()
    stump = LogisticRegression().fit(scores[:, None], right)
    stump.coef_[:], stump.intercept_[:] = 1.0, 0.0  # its decision function is the score itself
    reference = CalibratedClassifierCV(FrozenEstimator(stump), method="sigmoid").fit(scores[:, None], right)
    wanted = reference.predict_proba(scores[:, None])[:, 0]
    np.testing.assert_allclose(fit_platt(scores, right).p_wrong(scores), wanted, atol=1e-4)


def test_the_sigmoid_finds_the_parameters_it_was_drawn_from() -> None:
    fitted = fit_platt(*sample(50_000))
    assert fitted.slope == pytest.approx(0.7, abs=0.03)
    assert fitted.intercept == pytest.approx(-0.5, abs=0.05)


def test_a_score_that_tells_nothing_gives_the_base_rate() -> None:
    scores, right = np.zeros(100), np.arange(100) < 30
    assert fit_platt(scores, right).p_wrong(np.array([0.0]))[0] == pytest.approx(0.7, abs=0.02)


def test_p_wrong_falls_with_the_score() -> None:
    scores, right = sample(300)
    grid = np.linspace(-20, 20, 400)
    for fitted in (fit_platt(scores, right), fit_isotonic(scores, right), fit_platt(scores, ~right)):
        values = fitted.p_wrong(grid)
        assert (np.diff(values) <= 1e-12).all()
        assert ((values >= 0) & (values <= 1)).all()


def test_the_isotonic_curve_claims_no_certainty() -> None:
    scores = np.arange(40.0)
    values = fit_isotonic(scores, scores > 20).p_wrong(scores)
    assert values.min() == pytest.approx(1 / 42)
    assert values.max() == pytest.approx(41 / 42)


def test_the_calibrator_is_chosen_by_answers_it_did_not_see() -> None:
    scores, right = sample()
    fold = np.arange(len(scores)) % 5
    assert isinstance(fit_calibrator(scores, right, fold), Platt)
    generator = np.random.default_rng(1)
    steps = np.where(np.abs(scores) < 4, 0.5, np.where(scores > 0, 0.97, 0.03))  # no sigmoid has this shape
    assert isinstance(fit_calibrator(scores, generator.random(len(scores)) < steps, fold), Isotonic)


def test_on_new_answers_probabilities_mean_what_they_say() -> None:
    scores, right = sample()
    fitted = fit_calibrator(scores, right, np.arange(len(scores)) % 5)
    new_scores, new_right = sample(20_000, seed=5)
    measured = reliability(fitted.p_wrong(new_scores), new_right)
    assert measured.expected_calibration_error < 0.02
    assert sum(b.n for b in measured.bins) == 20_000
    careless = reliability(expit(-3 * new_scores), new_right)
    assert careless.expected_calibration_error > 0.1
    assert careless.brier > measured.brier


def test_the_error_by_chance_is_the_mean_over_chance_outcomes() -> None:
    generator = np.random.default_rng(0)
    p_wrong = generator.random(300)
    errors = [reliability(p_wrong, generator.random(300) >= p_wrong) for _ in range(200)]
    assert errors[0].chance_calibration_error == pytest.approx(
        np.mean([e.expected_calibration_error for e in errors]), rel=0.1
    )


def test_brier_and_expected_error_by_hand() -> None:
    measured = reliability(np.array([0.0, 0.0, 1.0, 0.5]), np.array([True, False, False, True]), n_bins=2)
    assert measured.brier == pytest.approx((0 + 1 + 0 + 0.25) / 4)
    assert [(b.n, b.p_wrong, b.share_wrong) for b in measured.bins] == [(2, 0.0, 0.5), (2, 0.75, 0.5)]
    assert measured.expected_calibration_error == pytest.approx(0.5 * 0.5 + 0.5 * 0.25)


def test_one_outcome_is_not_enough() -> None:
    with pytest.raises(NotEnoughDataError, match="right and wrong answers outside every fold"):
        fit_calibrator(np.arange(10.0), np.arange(10) < 2, np.arange(10) // 5)


@pytest.mark.parametrize(
    "knots", [((0.0, 1.0), (0.5,)), ((1.0, 0.0), (0.5, 0.4)), ((0.0, 1.0), (0.4, 0.5)), ((0.0,), (1.0,))]
)
def test_knots_that_are_no_curve_are_refused(knots: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    with pytest.raises(ValidationError):
        Isotonic(scores=knots[0], values=knots[1])
