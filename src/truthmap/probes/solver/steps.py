"""The steps that bring rows to their optimum, in two forms that do the same: compiled for a CPU, and with tensors.

Compiled, they need the preconditioner's factor, and go on without Python for as long as nothing changes. With tensors
they work on any device, with any preconditioner.
"""

from __future__ import annotations

import torch

from truthmap.probes.solver import kernels
from truthmap.probes.solver.kernel_types import StepLimits
from truthmap.probes.solver.preconditioner import Preconditioner
from truthmap.probes.solver.products import compiles, matmul_transpose, transpose_matmul
from truthmap.probes.solver.state import ProblemBatch, SolverState

_MOST_ROWS = 24  # compiled; with more, a BLAS gains more than Python costs


def evaluate(x: torch.Tensor, batch: ProblemBatch, state: SolverState) -> None:
    """Find the derivatives and the gap where the rows are: x float (n, d)."""
    if _compiles(x, state):
        kernels.evaluate(x.numpy(), batch.arrays(), state.arrays())
        return
    slope, curvature = batch.derivatives(state.scores)
    gradient = transpose_matmul(slope, x) + batch.penalty * state.weight
    square = torch.linalg.vecdot(gradient / batch.penalty, gradient)
    square = square + slope.sum(dim=1).square() / curvature.sum(dim=1).clamp(min=kernels.TINY)
    gap = 0.5 * square / torch.maximum(batch.base - state.objective, kernels.ROUNDING * batch.base)
    state.stalled = torch.where(gap < state.least_gap, 0.0, state.stalled + 1)
    state.least_gap = torch.minimum(gap, state.least_gap)
    state.gradient, state.slope, state.curvature, state.gap = gradient, slope, curvature, gap


def run_steps(
    x: torch.Tensor, batch: ProblemBatch, state: SolverState, precondition: Preconditioner, tolerance: float
) -> None:
    """Make steps, one at least, until a row has converged or the preconditioner is worn."""
    factors = precondition.factors
    if factors is not None and _compiles(x, state):
        limits = StepLimits(state.steps, precondition.left, tolerance)
        made = kernels.run_steps(x.numpy(), factors.numpy(), batch.arrays(), state.arrays(), limits)
        state.steps += made
        precondition.use(made)
    else:
        step(x, batch, state, precondition(state.gradient))
        evaluate(x, batch, state)


def step(x: torch.Tensor, batch: ProblemBatch, state: SolverState, direction: torch.Tensor) -> None:
    """Go to the lowest point of the known directions and a new one: float (B, d)."""
    newest = 1 + state.steps % (state.directions.shape[1] - 1)
    known = min(state.steps + 2, state.directions.shape[1])
    state.directions[:, newest], state.direction_scores[:, newest] = direction, matmul_transpose(direction, x)
    move, move_scores = _minimize_in_subspace(known, batch.penalty, state)
    length, objective = _line_search(batch, state, move, move_scores)
    state.weight, state.scores = state.weight + length * move, state.scores + length * move_scores
    state.directions[:, newest], state.direction_scores[:, newest] = move, move_scores
    state.objective, state.steps = objective, state.steps + 1


def _line_search(
    batch: ProblemBatch, state: SolverState, step: torch.Tensor, step_scores: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how far to go, (B, 1), half as far while a row's objective would rise, and the objective there: (B,)."""
    length, objective = torch.ones_like(state.objective)[:, None], state.objective
    for _ in range(kernels.MOST_HALVINGS):
        objective = batch.objective(state.weight + length * step, state.scores + length * step_scores)
        rises = objective > state.objective * (1 + kernels.ROUNDING)
        if not rises.any():
            break
        length = torch.where(rises[:, None], length / 2, length)
    return length, objective


def _minimize_in_subspace(known: int, penalty: torch.Tensor, state: SolverState) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix the first `known` directions to the step to the lowest point of the quadratic model; its scores come too."""
    directions, scores = state.directions[:, :known], state.direction_scores[:, :known]
    hessian = torch.bmm(scores * state.curvature[:, None], scores.mT)
    hessian = hessian + torch.bmm(directions * penalty[:, None], directions.mT)
    scale = hessian.diagonal(dim1=1, dim2=2).clamp(min=kernels.TINY).rsqrt()
    slope = torch.bmm(directions, (penalty * state.weight)[:, :, None]) + torch.bmm(scores, state.slope[:, :, None])
    scaled = (hessian * scale[:, :, None] * scale[:, None]).double()
    scaled.diagonal(dim1=1, dim2=2).add_(kernels.RIDGE)
    coefficient = -torch.linalg.solve(scaled, (slope[:, :, 0] * scale).double()).to(scale.dtype) * scale
    return torch.bmm(coefficient[:, None], directions)[:, 0], torch.bmm(coefficient[:, None], scores)[:, 0]


def _compiles(x: torch.Tensor, state: SolverState) -> bool:
    return compiles(x) and len(state.weight) <= _MOST_ROWS
