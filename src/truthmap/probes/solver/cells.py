"""The same regressions for several cells at once, on a device where one cell's products are too small to fill it.

Cells are stacked: their states are (S, n, d), and every product is one batch of products (bmm). A cell has B rows, as
in `path`; the rows of all cells stand one behind the other, S · B of them, so that what happens to single rows (losses,
steps, certificates) is done by the very same functions. Cells whose rows have all arrived are left out of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from truthmap.probes.solver.descent import Optima
from truthmap.probes.solver.kernels import PATIENCE
from truthmap.probes.solver.path import TOLERANCE, Problems, Solutions, follow_path
from truthmap.probes.solver.preconditioner import ROUNDING
from truthmap.probes.solver.state import ProblemBatch, SolverState
from truthmap.probes.solver.steps import evaluate, step

_MOST_STEPS = 1000
_NARROW = 1024  # dimensions; up to here a (d, d) matrix for each cell is cheap
_ENOUGH = 1 / 3  # answers per dimension; with fewer, a matrix of answers is much smaller
_SAMPLED = 1024  # answers that stand for all where the states are wide and many
_TRUSTED = 0.5  # share of the curvature that a sample of the answers has its own directions for
_USES = 16  # after which a factor is made anew
_LEFT = 0.5  # share of the cells at which those that have arrived are left out of the products


def solve_cells(problems: Problems, cs: Sequence[float], tolerance: float = TOLERANCE) -> Iterator[Solutions]:
    """Solve all problems of S cells for each C, the smallest first.

    Args:
        problems: As for one cell, but x is float (S, n, d), and rows are those of all cells, cell by cell.
        cs: Values of C.
        tolerance: The gap at which a row has converged.
    """
    return follow_path(problems, cs, tolerance, CellPreconditioner, descend_cells)


def descend_cells(
    x: torch.Tensor,
    batch: ProblemBatch,
    start: tuple[torch.Tensor, torch.Tensor],
    precondition: CellPreconditioner,
    tolerance: float,
) -> Optima:
    """Go from a start to the optimum of every row: see `descent.descend`; x is float (S, n, d)."""
    found = Optima(torch.empty_like(start[0]), torch.empty_like(start[1]), start[0].new_empty(len(start[0])))
    per_cell = len(found.gap) // len(x)
    active = torch.arange(len(found.gap), device=x.device)  # the row that each row of the state is
    waiting = torch.ones_like(active, dtype=torch.bool)  # of the state: not arrived yet
    state = SolverState.begin(batch, *start)
    evaluate(x, batch, state)
    while True:
        done = (state.gap <= tolerance) | (state.stalled >= PATIENCE) | (state.steps >= _MOST_STEPS)
        arrived = (done & waiting).nonzero()[:, 0]
        if len(arrived):
            rows = active[arrived]
            found.gap[rows], found.weight[rows] = state.gap[arrived], state.weight[arrived]
            found.scores[rows] = state.scores[arrived]
            waiting[arrived] = False
            under_way = waiting.view(-1, per_cell).any(dim=1)
            left = int(under_way.sum())
            if not left:
                return found
            if left <= _LEFT * len(x):
                cells = under_way.nonzero()[:, 0]
                kept = (cells[:, None] * per_cell + torch.arange(per_cell, device=x.device)).flatten()
                x, batch, state = x[cells], batch.take(kept), state.take(kept)
                active, waiting = active[kept], waiting[kept]
                precondition.take_cells(x, cells)
        if precondition.worn:
            precondition.renew(state.curvature, waiting)
        step(x, batch, state, precondition(state.gradient))
        evaluate(x, batch, state)


class CellPreconditioner:
    """An approximate inverse of every row's Hessian, one for each cell: see `preconditioner`.

    Through the dimensions, or, where a cell has far fewer answers than dimensions, through the inner products of its
    answers. It is made anew at every C and after some uses, from the rows that have not arrived.

    Args:
        x: float (S, n, d).
        penalty: float (S · B, d), of each row.
    """

    def __init__(self, x: torch.Tensor, penalty: torch.Tensor) -> None:
        cells, n, width = x.shape
        self._penalty = penalty.view(cells, -1, width).mean(dim=1)
        self._by_dimension = n >= _ENOUGH * width and width <= _NARROW
        every = max(1, n // _SAMPLED) if n >= width else 1
        self._sampled, self._per_sampled = slice(None, None, every), float(every)
        self._all = x, self._penalty
        self._x = x
        self._products = x[:0]  # of the sampled answers, without a curvature
        self._factor: torch.Tensor = x[:0]
        self._root: torch.Tensor = x[:0]
        self._diagonal: torch.Tensor = self._penalty
        self._uses = 0

    @property
    def worn(self) -> bool:
        """Whether it has been used so often that a new one pays."""
        return self._uses >= _USES

    def begin(self, curvature: torch.Tensor) -> None:
        """Start at a new C with all cells, whose rows have curvatures (S · B, n)."""
        self._x, self._penalty = self._all
        self._products = self._x[:0]
        self._make(curvature.view(len(self._x), -1, curvature.shape[1]).mean(dim=1))

    def renew(self, curvature: torch.Tensor, waiting: torch.Tensor) -> None:
        """Make it from the rows that have not arrived: curvature (S · B, n), waiting bool (S · B,)."""
        weight = waiting.view(len(self._x), -1, 1).to(curvature)
        rows = curvature.view(len(self._x), -1, curvature.shape[1]) * weight
        self._make(rows.sum(dim=1) / weight.sum(dim=1).clamp(min=1))

    def take_cells(self, x: torch.Tensor, cells: torch.Tensor) -> None:
        """Go on with some of the cells, whose states x are."""
        self._x, self._penalty, self._factor = x, self._penalty[cells], self._factor[cells]
        if not self._by_dimension:
            self._root, self._diagonal = self._root[cells], self._diagonal[cells]
            self._products = self._products[cells]

    def __call__(self, residual: torch.Tensor) -> torch.Tensor:
        """Apply it to each row: float (S · B, d) → (S · B, d)."""
        self._uses += 1
        rows = residual.view(len(self._x), -1, residual.shape[1])
        if self._by_dimension:
            solved: torch.Tensor = torch.cholesky_solve(rows.mT, self._factor).mT
            return solved.reshape(residual.shape)
        answers = self._x[:, self._sampled]
        scaled = rows / self._diagonal[:, None]
        inner = self._root[:, None] * torch.bmm(scaled, answers.mT)
        outer = self._root[:, None] * torch.cholesky_solve(inner.mT, self._factor).mT
        applied: torch.Tensor = scaled - torch.bmm(outer, answers) / self._diagonal[:, None]
        return applied.reshape(residual.shape)

    def _make(self, curvature: torch.Tensor) -> None:
        """Factor the mean Hessian of each cell: curvature float (S, n)."""
        self._uses = 0
        if self._by_dimension:
            weighted = self._x * curvature.sqrt()[:, :, None]
            core = torch.bmm(weighted.mT, weighted)
            diagonal = core.diagonal(dim1=1, dim2=2)
            diagonal.add_(self._penalty + ROUNDING * diagonal.mean(dim=1, keepdim=True))
        else:
            core = self._by_answer(curvature)
        self._factor = torch.linalg.cholesky(core)

    def _by_answer(self, curvature: torch.Tensor) -> torch.Tensor:
        if not len(self._products):
            scaled = self._x[:, self._sampled] / self._penalty.sqrt()[:, None]
            self._products = torch.bmm(scaled, scaled.mT)
        # A sample makes the directions in it too steep, and leaves the others as flat as the penalty alone.
        trusted = _TRUSTED if self._per_sampled > 1 else 1.0
        flattened = 1 + (1 - trusted) * curvature.sum(dim=1) / self._penalty.mean(dim=1)
        self._root = (curvature[:, self._sampled] * self._per_sampled * trusted).sqrt()
        self._diagonal = self._penalty * flattened[:, None]
        core: torch.Tensor = self._products / flattened[:, None, None] * self._root[:, :, None] * self._root[:, None]
        core.diagonal(dim1=1, dim2=2).add_(1.0)
        return core
