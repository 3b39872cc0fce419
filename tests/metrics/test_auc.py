"""AUCs and their intervals are what the textbook's slow way gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_from_counts, auc_rowwise, auc_values, round_scores
from truthmap.metrics.auc_interval import auc_estimate, auc_many, mean_auc

ROWS = hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(4, 30)), elements=st.integers(-4, 4))


def labels_for(scores: np.ndarray, seed: int) -> np.ndarray:
    y = np.random.default_rng(seed).random(scores.shape[1]) < 0.5
    y[:2] = [True, False]
    return y


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 100))
def test_auc_is_scikit_learns_with_ties(scores: np.ndarray, seed: int) -> None:
    y = labels_for(scores, seed)
    np.testing.assert_allclose(auc_values(scores, y), [roc_auc_score(y, row) for row in scores])


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 100))
def test_auc_knows_order_only_and_turns_over_with_the_labels(scores: np.ndarray, seed: int) -> None:
    y = labels_for(scores, seed)
    found = auc_many(scores, y)
    np.testing.assert_allclose(auc_values(np.exp(scores), y), found.auc)
    np.testing.assert_allclose(auc_values(scores, ~y), 1 - found.auc)
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


@pytest.mark.parametrize("y", [np.ones(5, bool), np.zeros(5, bool)])
def test_one_outcome_has_no_auc(y: np.ndarray) -> None:
    with pytest.raises(NotEnoughDataError, match="an AUC needs right and wrong answers"):
        auc_many(np.zeros((1, 5)), y)


def test_the_auc_of_one_score_vector_is_an_estimate() -> None:
    random = np.random.default_rng(0)
    y = random.random(200) < 0.5
    scores = random.standard_normal(200) + y
    many, one = auc_many(scores[None], y), auc_estimate(scores, y)
    assert (one.value, one.low, one.high) == pytest.approx((many.auc[0], many.low[0], many.high[0]))
    assert one.n == 200


def test_rows_have_labels_of_their_own() -> None:
    random = np.random.default_rng(3)
    scores = np.round(random.standard_normal((4, 50)), 1)
    y = random.random((4, 50)) < 0.4
    expected = [roc_auc_score(labels, row) for row, labels in zip(scores, y, strict=True)]
    np.testing.assert_allclose(auc_rowwise(scores, y), expected, atol=1e-12)


def test_an_interval_from_counts_is_hanleys_and_mcneils() -> None:
    """Their own example (table III): 51 abnormal and 58 normal images, area 0.893, standard error 0.032."""
    found = auc_from_counts(0.893, 51, 58)
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(0.032, abs=0.001)
    assert auc_from_counts(1.0, 5, 5).high == 1.0


def test_an_interval_from_counts_agrees_with_delongs() -> None:
    draw = np.random.default_rng(0)
    y = draw.random(800) < 0.45
    found = auc_estimate(draw.normal(size=800) + 1.2 * y, y)
    guess = auc_from_counts(found.value, int(y.sum()), int((~y).sum()))
    assert (guess.low, guess.high) == pytest.approx((found.low, found.high), abs=0.006)
    assert guess.n == found.n == 800


def grouped(seed: int, groups: int, size: int, shift: float) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Rows of a question share half of the spread of their scores, and their outcomes hang together."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), size)
    y = rng.normal(size=groups)[of] + rng.normal(size=len(of)) > 0
    scores = (rng.normal(size=groups)[of] + rng.normal(size=len(of))) / np.sqrt(2) + shift * y
    return scores, y, of.tolist()


@pytest.mark.parametrize(("groups", "size", "shift"), [(60, 10, 0.0), (12, 10, 1.0)])
def test_the_interval_by_group_covers_as_often_as_it_says(groups: int, size: int, shift: float) -> None:
    true, found = norm.cdf(shift / np.sqrt(2)), []
    for seed in range(300):
        estimate = auc_estimate(*grouped(seed, groups, size, shift))
        found.append(estimate.low <= true <= estimate.high)
    assert 0.92 <= np.mean(found) <= 0.98  # 95 %, two standard errors of 300 draws, and a little room


@pytest.mark.parametrize(("share", "shift"), [(0.02, 1.8), (0.95, 0.0)])
def test_the_interval_covers_where_one_outcome_is_rare(share: float, shift: float) -> None:
    rng, found, true = np.random.default_rng(5), [], norm.cdf(shift / np.sqrt(2))
    for _ in range(300):
        y = np.arange(300) < np.clip(rng.binomial(300, share), 2, 298)
        estimate = auc_estimate(rng.normal(size=300) + shift * y, y)
        found.append(estimate.low <= true <= estimate.high)
    assert np.mean(found) >= 0.92


def test_copies_of_the_questions_leave_the_interval_as_it_is() -> None:
    scores, y, _ = grouped(1, 60, 1, 1.0)
    once = auc_estimate(scores, y)
    eight = auc_estimate(np.tile(scores, 8), np.tile(y, 8), [n % 60 for n in range(480)])
    assert (eight.value, eight.low, eight.high) == pytest.approx((once.value, once.low, once.high), abs=1e-9)


def test_the_variance_by_group_is_obuchowskis() -> None:
    """Her formula (Biometrics 1997) for groups that hold as many right and wrong answers each."""
    rng = np.random.default_rng(2)
    y, of = np.tile([True, True, False], 20), np.repeat(np.arange(20), 3)
    scores = rng.normal(size=20)[of] + rng.normal(size=60) + y
    pairs = (scores[y][:, None] > scores[~y]).astype(float)
    auc = pairs.mean()
    right = np.array([(pairs.mean(axis=1) - auc)[of[y] == g].sum() for g in range(20)])
    wrong = np.array([(pairs.mean(axis=0) - auc)[of[~y] == g].sum() for g in range(20)])
    expected = 20 / 19 * ((right**2).sum() / 40**2 + (wrong**2).sum() / 20**2 + 2 * (right * wrong).sum() / 40 / 20)
    assert auc_many(scores[None], y, of.tolist()).variance[0] == pytest.approx(expected)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_the_interval_does_not_jump_at_an_auc_of_one(n: int) -> None:
    """One pair the wrong way round changes the ends by little."""
    y = np.repeat([False, True], n)
    perfect, nearly = np.arange(2.0 * n), np.arange(2.0 * n)
    nearly[[n - 1, n]] = nearly[[n, n - 1]]
    one, other = auc_estimate(perfect, y), auc_estimate(nearly, y)
    assert one.high == 1.0 > other.high > other.value
    assert -0.005 < one.low - other.low < 0.05


@pytest.mark.parametrize("n", [5, 20, 100])
def test_a_perfect_auc_may_be_as_low_as_the_sample_allows(n: int) -> None:
    """About as low as an AUC may be of which n pairs of their own show no mistake: the rule of three."""
    y = np.repeat([False, True], n)
    low = auc_estimate(np.arange(2.0 * n), y).low
    assert 0.025 ** (1 / n) <= low <= 0.3 ** (1 / n)


def test_the_mean_of_aucs_has_the_interval_of_one_where_all_are_alike() -> None:
    draw = np.random.default_rng(5)
    y = draw.random(80) < 0.5
    scores = draw.standard_normal((3, 80)) + y
    found = mean_auc(scores, y)
    assert found.value == pytest.approx(np.mean([roc_auc_score(y, row) for row in scores]), abs=1e-9)
    one = auc_estimate(scores[0], y)
    same = mean_auc(np.tile(scores[0], (3, 1)), y)
    assert (same.value, same.low, same.high) == pytest.approx((one.value, one.low, one.high))
    assert found.high - found.low < one.high - one.low + 0.05
