"""The solver reaches scikit-learn's optimum, whatever the columns look like, and says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.metrics.auc import round_scores
from truthmap.probes.cross_validation import CellStates, cross_validate
from truthmap.probes.linear import fit_probe, standardise
from truthmap.probes.solver.path import CLOSE, Problems, solve_path

from .conftest import Sample, make_sample

CS = (1e-4, 1e-2, 1.0, 10.0)


def reference(states: np.ndarray, y: np.ndarray, c: float) -> LogisticRegression:
    return LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(states, y)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("c", CS)
@pytest.mark.parametrize(("n", "d"), [(240, 24), (60, 24), (40, 90)])
def test_coefficients_are_scikit_learns_in_float64(n: int, d: int, c: float) -> None:
    sample = make_sample(n, d, signal=2.0)
    probe = fit_probe(sample.states, sample.y, c)
    exact = sample.states.double().numpy()
    x = (exact - exact.mean(0)) / exact.std(0)
    model = reference(x, sample.y, c)
    assert probe.converged
    assert relative(probe.weight, model.coef_[0]) < 1e-3
    assert probe.bias == pytest.approx(model.intercept_[0], rel=1e-3, abs=1e-3)
    np.testing.assert_allclose(
        probe.score(exact), model.decision_function(x), atol=5e-3 * np.abs(probe.score(exact)).max()
    )


@pytest.mark.parametrize(("n", "d"), [(240, 24), (60, 90)])
def test_every_fold_and_label_vector_is_what_a_fit_of_its_own_gives(n: int, d: int) -> None:
    sample = make_sample(n, d, signal=2.0)
    y = np.stack([sample.y, sample.states[:, 3].numpy() > 0])
    fold = np.arange(n) % 3
    training = np.stack([fold != f for f in range(3)])
    cell = CellStates.of(sample.states, training, fold)
    exact = sample.states.double().numpy()
    for left_out in cross_validate(cell, y, (1e-2, 1.0)):
        assert left_out.converged.all()
        for row, labels in enumerate(y):
            expected = np.zeros(n)
            means = []
            for f, train in enumerate(training):
                mean, std = exact[train].mean(0), exact[train].std(0)
                model = reference((exact[train] - mean) / std, labels[train], left_out.c)
                log_odds = model.decision_function((exact - mean) / std)
                means.append(log_odds[train].mean())
                expected[fold == f] = log_odds[fold == f] - means[f]
            expected += np.mean(means)
            assert np.abs(left_out.scores[row] - expected).max() < 5e-3 * np.abs(expected).max()
            auc = roc_auc_score(labels, expected)
            assert abs(roc_auc_score(labels, round_scores(left_out.scores[row][None])[0]) - auc) < 1e-3


@pytest.mark.parametrize("d", [10, 90])
def test_what_is_constant_in_a_training_part_says_nothing_there(d: int) -> None:
    sample = make_sample(60, d)
    states = sample.states.clone()
    states[:58] = states[0]  # as at a place where nearly all prompts are alike
    fold = np.arange(60) // 20
    training = np.stack([fold != f for f in range(3)])
    cell = CellStates.of(states, training, fold)
    for left_out in cross_validate(cell, sample.y[None], CS):
        assert left_out.converged.all()
        scores = left_out.scores[0]
        # The part without the last twenty has seen one state only: whatever comes, it gives the base rate.
        assert scores[fold == 2] == pytest.approx(scores[40], abs=1e-3)
        assert np.abs(scores).max() < 50


def test_the_spread_of_a_part_is_its_own() -> None:
    random = np.random.default_rng(0)
    states = random.standard_normal((60, 3)) * [1.0, 1e-3, 1e-4]
    states[40:] += [0.0, 5.0, 5.0]
    fold = np.arange(60) // 20
    training = np.stack([fold != f for f in range(3)])
    cell = CellStates.of(torch.from_numpy(states.astype(np.float32)), training, fold)
    x = cell.x.double().numpy()
    expected = np.stack([x[part].std(axis=0) for part in training])
    np.testing.assert_allclose(cell.scale.numpy(), expected, rtol=1e-3)


def test_a_path_ends_where_a_single_c_ends(sample: Sample) -> None:
    x = standardise(sample.states).x
    signs = torch.from_numpy(np.where(sample.y, 1.0, -1.0)).float()[None]
    problems = Problems(x, x.new_ones((1, x.shape[1])), signs, torch.ones_like(signs))
    path = {solution.c: solution.weight.numpy() for solution in solve_path(problems, CS[::-1], CLOSE)}
    assert list(path) == sorted(CS)
    alone = next(solve_path(problems, [CS[-1]], CLOSE)).weight.numpy()
    assert relative(path[CS[-1]], alone) < 1e-3


def test_constant_and_duplicated_and_huge_columns_are_harmless(sample: Sample) -> None:
    plain = fit_probe(sample.states, sample.y, 0.1)
    constant = torch.full((len(sample.y), 1), 1e6)
    huge = sample.states * torch.logspace(-6, 6, sample.states.shape[1])
    with_constant = torch.cat([sample.states, constant], dim=1)
    np.testing.assert_allclose(
        fit_probe(with_constant, sample.y, 0.1).score(with_constant.double().numpy()),
        plain.score(sample.states.double().numpy()),
        atol=1e-3,
    )
    rescaled = fit_probe(huge, sample.y, 0.1)
    assert rescaled.converged
    assert relative(rescaled.weight, plain.weight) < 1e-3
    twice = torch.cat([sample.states, sample.states], dim=1)
    doubled = fit_probe(twice, sample.y, 0.1)
    assert doubled.converged
    half = sample.states.shape[1]
    np.testing.assert_allclose(doubled.weight[:half], doubled.weight[half:], atol=1e-4)


def test_the_sampled_preconditioner_reaches_the_same_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = make_sample(300, 40, signal=2.0)
    usual = fit_probe(sample.states, sample.y, 0.1)
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._NARROW", 10)
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._SAMPLED", 60)
    wide = fit_probe(sample.states, sample.y, 0.1)
    assert wide.converged
    assert relative(wide.weight, usual.weight) < 1e-3
    assert wide.bias == pytest.approx(usual.bias, rel=1e-3)


def test_states_that_are_all_alike_give_the_base_rate() -> None:
    y = np.array([True, True, True, False])
    probe = fit_probe(torch.ones(4, 3), y, 1.0)
    assert probe.score(np.ones((1, 3)))[0] == pytest.approx(np.log(3), abs=1e-4)


def test_two_answers_are_enough_for_an_optimum() -> None:
    probe = fit_probe(torch.tensor([[0.0, 1.0], [1.0, 1.0]]), np.array([False, True]), 1.0)
    assert probe.converged
    assert probe.score(np.array([[1.0, 1.0]]))[0] > 0 > probe.score(np.array([[0.0, 1.0]]))[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_state_that_is_no_number_is_named(sample: Sample, value: float) -> None:
    states = sample.states.clone()
    states[3, 2] = value
    with pytest.raises(UsageError, match="1 of 240 are not; leave those answers out"):
        fit_probe(states, sample.y, 1.0)


def test_one_outcome_only_is_refused(sample: Sample) -> None:
    with pytest.raises(NotEnoughDataError, match="got 240 right of 240"):
        fit_probe(sample.states, np.ones(240, bool), 1.0)


def test_a_c_that_is_not_positive_is_refused(sample: Sample) -> None:
    with pytest.raises(UsageError, match="C must be a positive number, got 0"):
        fit_probe(sample.states, sample.y, 0.0)


def test_bfloat16_states_are_solved_as_their_float32_values(sample: Sample) -> None:
    half = sample.states.bfloat16()
    np.testing.assert_allclose(
        fit_probe(half, sample.y, 0.1).weight, fit_probe(half.float(), sample.y, 0.1).weight, rtol=1e-4, atol=1e-6
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 40), st.integers(1, 30), st.floats(-3, 3), st.integers(0, 1000), st.sampled_from(CS))
def test_the_gradient_vanishes_at_every_optimum(n: int, d: int, magnitude: float, seed: int, c: float) -> None:
    random = np.random.default_rng(seed)
    states = torch.from_numpy((random.standard_normal((n, d)) * 10**magnitude).astype(np.float32))
    y = random.random(n) < 0.5
    y[:2] = [True, False]
    probe = fit_probe(states, y, c)
    assert probe.converged
    x = (states.double().numpy() - probe.mean) / probe.scale
    p = 1 / (1 + np.exp(-(x @ probe.weight + probe.bias)))
    gradient = probe.weight + c * x.T @ (p - y)
    assert np.abs(gradient).max() < 1e-2 * max(1.0, c * np.abs(x.T @ (0.5 - y)).max())
