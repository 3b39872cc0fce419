"""What a click on a cell shows must agree with the AUC in it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from truthmap.errors import NotEnoughDataError
from truthmap.metrics.curves import CellDetails, at_shares


@pytest.fixture
def cell() -> CellDetails:
    draw = np.random.default_rng(3)
    y = draw.random(400) < 0.4
    # Rounded, so that there are ties between right and wrong answers.
    log_odds = np.round(draw.normal(size=400) + 1.5 * y, 1)
    return CellDetails(tuple(f"q{n}" for n in range(400)), log_odds, y)


def test_the_roc_curve_is_scikit_learns(cell: CellDetails) -> None:
    curve = cell.roc()
    false_positive, true_positive, _ = roc_curve(cell.y, cell.log_odds, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive, false_positive)
    np.testing.assert_allclose(curve.true_positive, true_positive)


def test_the_area_under_the_roc_curve_is_the_auc(cell: CellDetails) -> None:
    curve = cell.roc()
    expected = roc_auc_score(cell.y, cell.log_odds)
    assert np.trapezoid(curve.true_positive, curve.false_positive) == pytest.approx(expected, abs=1e-12)
    shares = at_shares(curve, 201)
    assert np.trapezoid(shares, np.linspace(0, 1, 201)) == pytest.approx(expected, abs=3e-3)
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] == 1


def test_the_histogram_counts_every_answer_once(cell: CellDetails) -> None:
    histogram = cell.histogram(7)
    assert histogram.right.sum() == cell.y.sum()
    assert histogram.wrong.sum() == (~cell.y).sum()
    second = (cell.probability >= 1 / 7) & (cell.probability < 2 / 7)
    assert histogram.right[1] == (second & cell.y).sum()


def test_calibration_groups_are_equal_and_hold_every_answer(cell: CellDetails) -> None:
    calibration = cell.calibration(8)
    assert calibration.n.tolist() == [50] * 8
    assert calibration.right.sum() == cell.y.sum()
    assert (np.diff(calibration.predicted) >= 0).all()
    assert np.average(calibration.predicted, weights=calibration.n) == pytest.approx(cell.probability.mean())


def test_fewer_answers_than_groups_make_fewer_groups(cell: CellDetails) -> None:
    few = CellDetails(cell.ids[:3], cell.log_odds[:3], cell.y[:3])
    assert few.calibration(10).n.tolist() == [1, 1, 1]


def test_a_calibrated_probe_lies_on_the_diagonal() -> None:
    draw = np.random.default_rng(1)
    log_odds = draw.normal(size=20_000) * 1.5
    cell = CellDetails(tuple(map(str, range(20_000))), log_odds, draw.random(20_000) < 1 / (1 + np.exp(-log_odds)))
    calibration = cell.calibration()
    assert calibration.right / calibration.n == pytest.approx(calibration.predicted, abs=0.04)


def test_examples_are_the_surest_of_each_kind() -> None:
    y = np.array([True, True, True, False, False, False])
    cell = CellDetails(tuple("abcdef"), np.array([2.0, -3.0, 1.0, -2.0, 4.0, 0.0]), y)
    examples = cell.examples(2)
    assert examples.right_high == ("a", "c")
    assert examples.right_low == ("b", "c")
    assert examples.wrong_high == ("e", "f")
    assert examples.wrong_low == ("d", "f")


def test_answers_without_the_position_are_left_out() -> None:
    cell = CellDetails.present(("a", "b", "c"), np.array([1.0, np.nan, -1.0]), np.array([True, False, False]))
    assert cell.ids == ("a", "c")
    assert cell.y.tolist() == [True, False]


@pytest.mark.parametrize("y", [[True, True], [False, False], []])
def test_a_roc_curve_of_one_outcome_is_refused_with_its_counts(y: list[bool]) -> None:
    cell = CellDetails(tuple("ab"[: len(y)]), np.zeros(len(y)), np.array(y, dtype=bool))
    with pytest.raises(NotEnoughDataError, match=f"got {sum(y)} right of {len(y)}"):
        cell.roc()


def test_no_answers_have_no_calibration() -> None:
    with pytest.raises(NotEnoughDataError, match="got none"):
        CellDetails((), np.zeros(0), np.zeros(0, dtype=bool)).calibration()
