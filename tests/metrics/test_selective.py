"""Risk at each coverage and precision of finding errors, by hand and against scikit-learn."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from truthmap.metrics.selective import best_threshold, error_precision_many, risk_area, risk_coverage, risk_curve


def test_risk_is_the_share_of_wrong_ones_among_the_surest() -> None:
    scores, y = np.array([0.9, 0.1, 0.5, 0.7]), np.array([True, False, True, False])
    np.testing.assert_allclose(risk_curve(scores, y), [0, 1 / 2, 1 / 3, 2 / 4])
    assert risk_area(scores, y) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_perfect_order_and_worst_order_enclose_all_others() -> None:
    y = np.array([True] * 6 + [False] * 4)
    best, worst = risk_area(np.arange(10)[::-1].astype(float), y), risk_area(np.arange(10.0), y)
    rng = np.random.default_rng(0)
    assert all(best <= risk_area(rng.normal(size=10), y) <= worst for _ in range(50))


def test_ties_give_the_mean_over_all_orders() -> None:
    scores, y = np.array([2.0, 1.0, 1.0, 1.0, 0.0]), np.array([True, True, False, False, True])
    tied = [1, 2, 3]
    curves = []
    for order in permutations(tied):
        broken = scores.copy()
        broken[list(order)] += [0.2, 0.1, 0.0]
        curves.append(risk_curve(broken, y))
    np.testing.assert_allclose(risk_curve(scores, y), np.mean(curves, axis=0))


def test_a_confidence_that_says_nothing_has_the_error_rate_as_its_area() -> None:
    y = np.array([True, False, False, True, True])
    assert risk_area(np.zeros(5), y) == pytest.approx(0.4)
    assert error_precision_many(np.zeros((1, 5)), y)[0] == pytest.approx(0.4)


def test_error_precision_is_scikit_learns_with_ties_and_without() -> None:
    rng = np.random.default_rng(2)
    for decimals in (1, 6):
        y = rng.random(80) < 0.7
        scores = np.round(y + rng.normal(size=80), decimals)
        assert error_precision_many(scores[None], y)[0] == pytest.approx(average_precision_score(~y, -scores))


def test_without_a_wrong_answer_there_is_no_precision() -> None:
    assert np.isnan(error_precision_many(np.arange(3.0)[None], np.ones(3, dtype=bool)))


def test_every_threshold_accepts_ties_together() -> None:
    scores, y = np.array([3.0, 1.0, 1.0, 2.0]), np.array([True, False, True, False])
    curve = risk_coverage(scores, y)
    np.testing.assert_allclose(curve.threshold, [3, 2, 1])
    np.testing.assert_allclose(curve.coverage, [1 / 4, 2 / 4, 1])
    np.testing.assert_allclose(curve.risk, [0, 1 / 2, 2 / 4])


def test_the_curve_of_thresholds_lies_on_that_of_coverages() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(60) < 0.6
    scores = np.round(rng.normal(size=60), 1)
    curve = risk_coverage(scores, y)
    at = np.round(curve.coverage * 60).astype(int) - 1
    np.testing.assert_allclose(risk_curve(scores, y)[at], curve.risk)


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
