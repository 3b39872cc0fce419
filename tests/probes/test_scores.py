"""AUCs, their intervals and the scores of probabilities are what the textbook's slow way gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_many, round_scores
from truthmap.metrics.probability import average_precision_many, bootstrap_auc, brier_many, ece_many
from truthmap.metrics.within_group_auc import within_auc_many

ROWS = hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(4, 30)), elements=st.integers(-4, 4))


def labels_for(scores: np.ndarray, seed: int) -> np.ndarray:
    y = np.random.default_rng(seed).random(scores.shape[1]) < 0.5
    y[:2] = [True, False]
    return y


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 100))
def test_auc_and_average_precision_are_scikit_learns_with_ties(scores: np.ndarray, seed: int) -> None:
    y = labels_for(scores, seed)
    np.testing.assert_allclose(auc_many(scores, y).auc, [roc_auc_score(y, row) for row in scores])
    np.testing.assert_allclose(average_precision_many(scores, y), [average_precision_score(y, row) for row in scores])


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 100))
def test_auc_knows_order_only_and_turns_over_with_the_labels(scores: np.ndarray, seed: int) -> None:
    y = labels_for(scores, seed)
    found = auc_many(scores, y)
    np.testing.assert_allclose(auc_many(np.exp(scores), y).auc, found.auc)
    np.testing.assert_allclose(auc_many(scores, ~y).auc, 1 - found.auc)
    assert ((found.low >= 0) & (found.low <= found.auc) & (found.auc <= found.high) & (found.high <= 1)).all()


def test_the_variance_is_delongs() -> None:
    random = np.random.default_rng(0)
    y = random.random(60) < 0.4
    scores = np.round(random.standard_normal(60) + y, 1)
    pairs = (scores[y][:, None] > scores[~y]) + 0.5 * (scores[y][:, None] == scores[~y])
    by_right, by_wrong = pairs.mean(axis=1), pairs.mean(axis=0)
    expected = by_right.var(ddof=1) / y.sum() + by_wrong.var(ddof=1) / (~y).sum()
    assert auc_many(scores[None], y).variance[0] == pytest.approx(expected)


def test_the_interval_covers_the_true_auc_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    y = np.arange(120) % 2 == 0
    scores = random.standard_normal((2000, 120)) + 1.5 * y
    true = 0.8555  # Φ(1.5 / √2)
    found = auc_many(scores, y)
    assert 0.935 < ((found.low <= true) & (true <= found.high)).mean() < 0.97


def test_rounding_keeps_ties_that_float32_breaks() -> None:
    scores = np.array([[1000.0, 1000.0 + 5e-7, 1002.0, 998.0]])
    assert round_scores(scores)[0, 0] == round_scores(scores)[0, 1]
    assert len(set(round_scores(scores)[0])) == 3


def test_brier_and_calibration_error_are_those_of_the_textbook() -> None:
    random = np.random.default_rng(0)
    log_odds = random.standard_normal((2, 400)) * 3
    y = random.random(400) < 0.6
    p = 1 / (1 + np.exp(-log_odds))
    np.testing.assert_allclose(brier_many(log_odds, y), [brier_score_loss(y, row) for row in p])
    for row, found in zip(p, ece_many(log_odds, y), strict=True):
        parts = [(row >= low) & (row < low + 0.1) for low in np.arange(10) / 10]
        expected = sum(abs(row[m].mean() - y[m].mean()) * m.mean() for m in parts if m.any())
        assert found == pytest.approx(expected)


def test_the_bootstrap_is_that_of_drawing_groups() -> None:
    random = np.random.default_rng(0)
    y = random.random(40) < 0.5
    scores = np.round(random.standard_normal((2, 40)) + y, 1)
    group = [f"g{i // 2}" for i in range(40)]
    found = bootstrap_auc(scores, y, group, 0.9, n_resamples=300, seed=5)
    draws = np.random.default_rng(5).multinomial(20, np.full(20, 1 / 20), 300)
    order = {name: n for n, name in enumerate(sorted(set(group)))}
    for row, low, high in zip(scores, found.low, found.high, strict=True):
        slow = []
        for draw in draws:
            rows = np.repeat(np.arange(40), [draw[order[g]] for g in group])
            slow.append(roc_auc_score(y[rows], row[rows]))
        np.testing.assert_allclose([low, high], np.quantile(slow, [0.05, 0.95]), atol=1e-6)


def test_answers_that_hang_together_make_the_interval_wider() -> None:
    random = np.random.default_rng(0)
    y = np.repeat(random.random(60) < 0.5, 4)
    scores = (np.repeat(random.standard_normal(60), 4) + y)[None]
    alone = bootstrap_auc(scores, y, [str(i) for i in range(240)], 0.95)
    together = bootstrap_auc(scores, y, [str(i // 4) for i in range(240)], 0.95)
    assert together.high[0] - together.low[0] > 1.5 * (alone.high[0] - alone.low[0])


def test_bootstrap_without_groups_agrees_with_delong() -> None:
    random = np.random.default_rng(0)
    y = random.random(300) < 0.5
    scores = (random.standard_normal(300) + y)[None]
    delong = auc_many(scores, y)
    drawn = bootstrap_auc(scores, y, [str(i) for i in range(300)], 0.95)
    assert drawn.low[0] == pytest.approx(delong.low[0], abs=0.01)
    assert drawn.high[0] == pytest.approx(delong.high[0], abs=0.01)


def test_within_auc_counts_pairs_that_say_the_same() -> None:
    random = np.random.default_rng(0)
    y = random.random(80) < 0.5
    scores = np.round(random.standard_normal((1, 80)), 1)
    meaning = [*random.choice(["France", "Chad", "Peru"], 70).tolist(), *[""] * 10]
    wins = pairs = 0.0
    for i in np.flatnonzero(y):
        for j in np.flatnonzero(~y):
            if meaning[i] and meaning[i] == meaning[j]:
                wins += (scores[0, i] > scores[0, j]) + 0.5 * (scores[0, i] == scores[0, j])
                pairs += 1
    found = within_auc_many(scores, y, meaning)
    assert found.pairs == pairs
    assert found.auc[0] == pytest.approx(wins / pairs)


def test_knowing_which_answers_are_often_right_gives_half_within_one_answer() -> None:
    random = np.random.default_rng(0)
    often = {"France": 0.9, "Chad": 0.1, "Peru": 0.5}
    meaning = random.choice(list(often), 300).tolist()
    y = random.random(300) < np.array([often[m] for m in meaning])
    scores = np.array([[often[m] for m in meaning]])
    assert auc_many(scores, y).auc[0] > 0.8
    assert within_auc_many(scores, y, meaning).auc[0] == 0.5


def test_no_two_answers_that_say_the_same_is_missing_not_half() -> None:
    found = within_auc_many(np.zeros((2, 3)), np.array([True, False, True]), ["a", "b", ""])
    assert found.pairs == 0
    assert np.isnan(found.auc).all()


@pytest.mark.parametrize("y", [np.ones(5, bool), np.zeros(5, bool)])
def test_one_outcome_has_no_auc(y: np.ndarray) -> None:
    with pytest.raises(NotEnoughDataError, match="an AUC needs right and wrong answers"):
        auc_many(np.zeros((1, 5)), y)
