"""Average precision and the scores of probabilities are what the textbook's slow way gives."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss
from sklearn.metrics import log_loss as log_loss_of_scikit_learn

from truthmap.errors import NotEnoughDataError
from truthmap.metrics.probability import average_precision_many, brier_many, ece_many, equal_width_bins, log_loss


@pytest.mark.parametrize("decimals", [0, 6])
def test_average_precision_is_scikit_learns_with_ties(decimals: int) -> None:
    random = np.random.default_rng(0)
    y = random.random(80) < 0.3
    scores = np.round(random.standard_normal((3, 80)) + y, decimals)
    np.testing.assert_allclose(average_precision_many(scores, y), [average_precision_score(y, row) for row in scores])


def test_without_a_right_answer_there_is_no_average_precision() -> None:
    with pytest.raises(NotEnoughDataError, match="got none"):
        average_precision_many(np.zeros((1, 3)), np.zeros(3, dtype=bool))


def test_log_loss_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    p, y = random.uniform(0.01, 0.99, 50), random.random(50) < 0.5
    assert log_loss(p, y) == pytest.approx(log_loss_of_scikit_learn(y, p))


def test_brier_and_calibration_error_are_the_textbooks() -> None:
    random = np.random.default_rng(0)
    log_odds = random.standard_normal((2, 400)) * 3
    y = random.random(400) < 0.6
    p = 1 / (1 + np.exp(-log_odds))
    np.testing.assert_allclose(brier_many(p, y), [brier_score_loss(y, row) for row in p])
    for row, found in zip(p, ece_many(p, y, equal_width_bins(p)), strict=True):
        parts = [(row >= low) & (row < low + 0.1) for low in np.arange(10) / 10]
        expected = sum(abs(row[m].mean() - y[m].mean()) * m.mean() for m in parts if m.any())
        assert found == pytest.approx(expected)


def test_outcomes_may_differ_from_row_to_row() -> None:
    random = np.random.default_rng(0)
    p, outcomes = random.random(60), random.random((5, 60)) < 0.5
    bins = np.arange(60) % 6
    expected = [float(ece_many(p, row, bins)[0]) for row in outcomes]
    assert ece_many(p, outcomes, bins) == pytest.approx(expected)
