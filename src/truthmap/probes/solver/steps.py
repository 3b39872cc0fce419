"""The steps that bring rows to their optimum, in two forms that do the same: compiled for a CPU, and with tensors.

Compiled, they need the preconditioner's factor, and go on without Python for as long as nothing changes. With tensors
they work on any device, with any preconditioner.
"""

from __future__ import annotations

import torch

from truthmap.arrays import Floats
from truthmap.probes.solver import kernels as compiled
from truthmap.probes.solver.preconditioner import Preconditioner
from truthmap.probes.solver.products import compiles, scores_of, transpose_matmul
from truthmap.probes.solver.state import ProblemBatch, SolverState

_MOST_ROWS = 24  # compiled; with more, a BLAS gains more than Python costs


def look(x: torch.Tensor, rows: ProblemBatch, place: SolverState) -> None:
    """Find the derivatives and the gap where the rows are."""
    if _compiles(x, place):
        compiled.look(x.numpy(), _arrays(rows.tensors), _arrays(place.tensors))
        return
    slope, curvature = rows.derivatives(place.scores)
    gradient = transpose_matmul(slope, x) + rows.penalty * place.weight
    square = torch.linalg.vecdot(gradient / rows.penalty, gradient)
    square = square + slope.sum(dim=1).square() / curvature.sum(dim=1).clamp(min=compiled.TINY)
    gap = 0.5 * square / torch.maximum(rows.base - place.objective, compiled.ROUNDING * rows.base)
    least, waited = place.waited
    place.waited = torch.stack([torch.minimum(gap, least), torch.where(gap < least, 0.0, waited + 1)])
    place.gradient, place.slope, place.curvature, place.gap = gradient, slope, curvature, gap


def walk(
    x: torch.Tensor, rows: ProblemBatch, place: SolverState, precondition: Preconditioner, tolerance: float
) -> None:
    """Make steps, one at least, until a row has arrived or the preconditioner is worn."""
    factors = precondition.factors
    if factors is not None and _compiles(x, place):
        made = compiled.walk(
            x.numpy(),
            factors.numpy(),
            _arrays(rows.tensors),
            _arrays(place.tensors),
            (place.ways.numpy(), place.along.numpy()),
            (place.steps, precondition.left, tolerance),
        )
        place.steps += made
        precondition.use(made)
    else:
        _step(x, rows, place, precondition(place.gradient))
        look(x, rows, place)


def _step(x: torch.Tensor, rows: ProblemBatch, place: SolverState, direction: torch.Tensor) -> None:
    """Go to the lowest point of the known directions and a new one: float (B, d)."""
    newest = 1 + place.steps % (place.ways.shape[1] - 1)
    known = min(place.steps + 2, place.ways.shape[1])
    place.ways[:, newest], place.along[:, newest] = direction, scores_of(direction, x)
    step, moved = _minimize_in_subspace(place.ways[:, :known], place.along[:, :known], rows.penalty, place)
    length, objective = torch.ones_like(place.objective)[:, None], place.objective
    for _ in range(compiled.MOST_HALVINGS):
        objective = rows.objective(place.weight + length * step, place.scores + length * moved)
        rises = objective > place.objective * (1 + compiled.ROUNDING)
        if not rises.any():
            break
        length = torch.where(rises[:, None], length / 2, length)
    place.weight, place.scores = place.weight + length * step, place.scores + length * moved
    place.ways[:, newest], place.along[:, newest] = step, moved
    place.objective, place.steps = objective, place.steps + 1


def _minimize_in_subspace(
    ways: torch.Tensor, along: torch.Tensor, penalty: torch.Tensor, place: SolverState
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix directions (B, m, d) to the step to the lowest point of the quadratic model; give it, and its scores."""
    hessian = torch.bmm(along * place.curvature[:, None], along.mT) + torch.bmm(ways * penalty[:, None], ways.mT)
    size = hessian.diagonal(dim1=1, dim2=2).clamp(min=compiled.TINY).rsqrt()
    slope = torch.bmm(ways, (penalty * place.weight)[:, :, None]) + torch.bmm(along, place.slope[:, :, None])
    scaled = (hessian * size[:, :, None] * size[:, None]).double()
    scaled.diagonal(dim1=1, dim2=2).add_(compiled.RIDGE)
    share = -torch.linalg.solve(scaled, (slope[:, :, 0] * size).double()).to(size.dtype) * size
    return torch.bmm(share[:, None], ways)[:, 0], torch.bmm(share[:, None], along)[:, 0]


def _compiles(x: torch.Tensor, place: SolverState) -> bool:
    return compiles(x) and len(place.weight) <= _MOST_ROWS


def _arrays(tensors: tuple[torch.Tensor, ...]) -> tuple[Floats, ...]:
    return tuple(each.numpy() for each in tensors)
