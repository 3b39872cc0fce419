"""The permutation null: labels are shuffled as they should be, and p-values are corrected for the whole map."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from truthmap.probes.cross_validation import CellStates
from truthmap.probes.permutation import corrected_p_values, max_null, null_aucs, ridge_left_out, shuffled_labels

from .conftest import make_sample

CS = (1e-3, 1e-2, 1e-1)


def cell_of(n: int, d: int, seed: int = 0) -> CellStates:
    fold = np.arange(n) % 4
    return CellStates.of(make_sample(n, d, seed=seed).states, np.stack([fold != f for f in range(4)]), fold)


def test_shuffling_keeps_the_number_of_right_answers_and_moves_them() -> None:
    y = np.random.default_rng(0).random(50) < 0.3
    shuffled = shuffled_labels(y, [str(i) for i in range(50)], 20, seed=0)
    assert (shuffled.sum(axis=1) == y.sum()).all()
    assert len({row.tobytes() for row in shuffled}) == 20


def test_more_shuffles_change_none_of_the_first() -> None:
    y = np.arange(30) % 3 == 0
    group = [str(i) for i in range(30)]
    assert (shuffled_labels(y, group, 9, seed=1)[:4] == shuffled_labels(y, group, 4, seed=1)).all()
    assert (shuffled_labels(y, group, 4, seed=2) != shuffled_labels(y, group, 4, seed=1)).any()


def test_answers_of_one_group_keep_their_labels_together() -> None:
    pairs = np.random.default_rng(0).random(20) < 0.5
    y = np.concatenate([np.repeat(pairs, 2), [True, False, False]])
    group = [*[f"pair{i // 2}" for i in range(40)], "a", "b", "c"]
    for row in shuffled_labels(y, group, 10, seed=0):
        assert (row[0:40:2] == row[1:40:2]).all()
        assert row[:40].sum() == y[:40].sum()


@pytest.mark.parametrize(("n", "d"), [(160, 20), (60, 90)])
def test_one_step_has_the_distribution_of_the_exact_fits(n: int, d: int) -> None:
    cell = cell_of(n, d)
    y = np.arange(n) % 2 == 0
    shuffled = shuffled_labels(y, [str(i) for i in range(n)], 60, seed=0)
    short, exact = null_aucs(cell, shuffled, CS), null_aucs(cell, shuffled, CS, exact=True)
    assert np.corrcoef(short, exact)[0, 1] > 0.9
    assert short.mean() == pytest.approx(exact.mean(), abs=0.01)
    assert short.std() == pytest.approx(exact.std(), rel=0.2)


def test_without_a_choice_of_c_noise_reaches_one_half() -> None:
    cell = cell_of(200, 12)
    shuffled = shuffled_labels(np.arange(200) % 2 == 0, [str(i) for i in range(200)], 100, seed=0)
    assert null_aucs(cell, shuffled, (1e-2,)).mean() == pytest.approx(0.5, abs=0.02)


def test_a_permutation_with_one_outcome_counts_as_chance() -> None:
    cell = cell_of(40, 3)
    lonely = np.zeros((1, 40), bool)
    lonely[0, 0] = True
    assert null_aucs(cell, lonely, CS).tolist() == [0.5]


def test_p_values_count_the_shuffles_that_reach_as_far_anywhere() -> None:
    null = max_null([np.array([0.50, 0.60, 0.55]), np.array([0.58, 0.52, 0.55])])
    assert null.tolist() == [0.58, 0.60, 0.55]
    found = corrected_p_values(np.array([[0.9, 0.6], [0.57, np.nan]]), null)
    np.testing.assert_allclose(found, [[0.25, 0.5], [0.75, np.nan]])


def test_p_values_of_noise_are_rarely_small() -> None:
    # The law of a valid test: over many data sets without signal, p ≤ 0.1 in about a tenth of them.
    small = 0
    for seed in range(60):
        y = np.random.default_rng(seed).random(60) < 0.5
        shuffled = shuffled_labels(np.asarray(y), [str(i) for i in range(60)], 39, seed=seed)
        cell = cell_of(60, 4, seed=1000 + seed)
        aucs = null_aucs(cell, np.concatenate([y[None], shuffled]), CS)
        small += corrected_p_values(aucs[:1], aucs[1:])[0] <= 0.1
    assert small <= 13  # 6 expected; more than 13 has a chance of 1 in 300


@pytest.mark.parametrize("strength", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize(("n", "d"), [(60, 8), (40, 70)])
def test_what_is_said_of_a_fold_is_what_a_fit_without_it_says(n: int, d: int, strength: float) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((n, d)) * np.geomspace(1, 0.1, d)
    x -= x.mean(axis=0)
    y = (random.random((n, 3)) < 0.4).astype(float)
    fold = np.arange(n) % 4
    fold[0] = 3  # folds of several sizes
    (found,) = ridge_left_out(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(fold), [strength])
    for each in range(4):
        seen, unseen = fold != each, fold == each
        model = Ridge(alpha=1 / strength).fit(x[seen], y[seen])
        expected = model.predict(x[unseen]) - y[seen].mean(axis=0)
        np.testing.assert_allclose(found[unseen].numpy(), expected, atol=1e-8)


def test_states_that_are_all_alike_say_nothing() -> None:
    y = (torch.arange(20) % 3 == 0).double()[:, None]
    (found,) = ridge_left_out(torch.zeros(20, 5).double(), y, torch.arange(20) % 4, [1.0])
    torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-9, rtol=0)
