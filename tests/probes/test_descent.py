"""Rows reach the optimum by any of the ways that lead there, and the certificate says how far off they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from truthmap.probes.linear import standardise
from truthmap.probes.solver import steps
from truthmap.probes.solver.path import Problems, solve_path
from truthmap.probes.solver.state import ProblemBatch, SolverState

from .conftest import make_sample

CS = (1e-3, 1e-1, 10.0)


def problems_of(n: int, d: int, n_folds: int = 5, seed: int = 0) -> Problems:
    sample = make_sample(n, d, signal=2.0, seed=seed)
    x = standardise(sample.states).x
    member = torch.from_numpy(np.stack([np.arange(n) % n_folds != fold for fold in range(n_folds)])).to(x)
    scale = torch.stack([x[row > 0].std(dim=0, correction=0) for row in member])
    y = torch.from_numpy(np.where(sample.y, 1.0, -1.0)).to(x).repeat(n_folds, 1)
    return Problems(x, scale, y, member)


def doubled(problems: Problems) -> Problems:
    return Problems(*(each.double() for each in (problems.x, problems.scale, problems.y, problems.member)))


def objective(problems: Problems, weight: torch.Tensor, bias: torch.Tensor, c: float) -> torch.Tensor:
    exact = doubled(problems)
    margin = exact.y * (weight.double() @ exact.x.T + bias.double()[:, None])
    loss = (torch.nn.functional.softplus(-margin) * exact.member).sum(dim=1)
    return c * loss + 0.5 * (weight.double() * exact.scale).square().sum(dim=1)


def base(problems: Problems, c: float) -> torch.Tensor:
    """Return the objective of weights of zero and the base rate."""
    count = problems.member.double().sum(dim=1)
    share = ((problems.y > 0) * problems.member).double().sum(dim=1) / count
    return -c * count * (share * share.log() + (1 - share) * (1 - share).log())


@pytest.mark.parametrize(("n", "d"), [(90, 12), (60, 40), (45, 200)])
def test_compiled_and_with_tensors_the_optimum_is_the_same(n: int, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = problems_of(n, d)
    quick = list(solve_path(problems, CS, 1e-8))
    monkeypatch.setattr("truthmap.probes.solver.steps.compiles", lambda x: False)
    monkeypatch.setattr("truthmap.probes.solver.products.compiles", lambda x: False)
    slow = list(solve_path(problems, CS, 1e-8))
    exact = list(solve_path(doubled(problems), CS, 1e-12))
    for one, other, reference in zip(quick, slow, exact, strict=True):
        assert one.converged.all() and other.converged.all() and reference.converged.all()
        near = 1e-3 * float(reference.scores.abs().max())
        torch.testing.assert_close(one.scores.double(), reference.scores, atol=near, rtol=0)
        torch.testing.assert_close(other.scores.double(), reference.scores, atol=near, rtol=0)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize(("n", "d"), [(90, 12), (60, 90)])
def test_the_gap_bounds_how_far_the_objective_is_off(n: int, d: int, tolerance: float) -> None:
    problems = problems_of(n, d)
    exact = {solution.c: solution for solution in solve_path(doubled(problems), CS, 1e-12)}
    for found in solve_path(problems, CS, tolerance):
        lowest = objective(problems, exact[found.c].weight, exact[found.c].bias, found.c)
        reached = objective(problems, found.weight, found.bias, found.c)
        gain = base(problems, found.c) - reached
        assert ((reached - lowest) / gain <= 1.01 * found.gap.double() + 1e-6).all()
        assert (found.gap <= tolerance).all()


def test_the_scores_are_those_of_the_weights() -> None:
    problems = problems_of(90, 12)
    for found in solve_path(problems, CS):
        expected = found.weight @ problems.x.T + found.bias[:, None]
        torch.testing.assert_close(found.scores, expected, atol=1e-4, rtol=1e-4)


def test_what_rounding_keeps_from_the_optimum_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(x: torch.Tensor, rows: ProblemBatch, state: SolverState, *rest: Any) -> None:
        steps.run_steps(x, rows, state, *rest)
        made.append(state.steps)

    monkeypatch.setattr("truthmap.probes.solver.descent.run_steps", counted)
    for found in solve_path(problems_of(40, 6), (1.0,), 1e-30):
        assert not found.converged.any()
        assert (found.gap < 1e-8).all()
    assert max(made) < 500  # it lost patience


@pytest.mark.parametrize("compiles", [True, False])
def test_an_intercept_that_is_off_shows_in_the_gap(compiles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.probes.solver.steps.compiles", lambda x: compiles)
    y = torch.tensor([[1.0, 1.0, 1.0, -1.0]])
    rows = ProblemBatch.of(torch.ones(1, 2), y, torch.ones(1, 4), 1.0)
    for intercept, right in ((0.0, False), (float(np.log(3)), True)):
        state = SolverState.begin(rows, torch.zeros(1, 2), torch.full((1, 4), intercept))
        steps.evaluate(torch.zeros(4, 2), rows, state)
        assert (float(state.gap[0]) < 1e-6) == right


@pytest.mark.parametrize("compiles", [True, False])
def test_a_step_never_raises_the_objective(compiles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.probes.solver.steps.compiles", lambda x: compiles)
    objectives: list[torch.Tensor] = []

    def watched(x: torch.Tensor, rows: ProblemBatch, state: SolverState, precondition: Any, tolerance: float) -> None:
        precondition.use(precondition.left - 1)  # so that a step is made at a time
        before = state.objective.clone()
        steps.run_steps(x, rows, state, precondition, tolerance)
        objectives.append((state.objective - before) / before)

    monkeypatch.setattr("truthmap.probes.solver.descent.run_steps", watched)
    for _ in solve_path(problems_of(60, 40), (1e-4, 1e4), 1e-6):  # from far away
        pass
    assert max(float(rise.max()) for rise in objectives) < 1e-5


def test_factors_of_its_own_bring_on_what_the_mean_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Few states, each shared by many answers: a fold without one of them has a Hessian far from the mean.
    problems = problems_of(300, 30)
    x = problems.x[torch.arange(300) * 7 % 23]
    hard = Problems(x, torch.ones_like(problems.scale), problems.y, problems.member)
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._FEW", 4)
    for found in solve_path(hard, (10.0, 1000.0), 1e-6):
        assert found.converged.all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(12, 40), st.integers(1, 30), st.integers(0, 1000))
def test_rows_together_get_the_optima_that_each_gets_alone(n_rows: int, n: int, d: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = torch.from_numpy(random.standard_normal((n, d)).astype(np.float32))
    y = torch.from_numpy(np.where(random.random((n_rows, n)) < 0.5, 1.0, -1.0)).float()
    y[:, :2] = torch.tensor([1.0, -1.0])
    ones = torch.ones(n_rows, d), torch.ones(n_rows, n)
    together = next(solve_path(Problems(x, ones[0], y, ones[1]), (0.1,), 1e-8))
    for row in range(n_rows):
        only = slice(row, row + 1)
        alone = next(solve_path(Problems(x, ones[0][only], y[only], ones[1][only]), (0.1,), 1e-8))
        torch.testing.assert_close(together.scores[row], alone.scores[0], atol=2e-3, rtol=2e-3)
