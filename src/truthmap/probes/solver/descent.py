"""Bringing many L2-regularised logistic regressions on the same states to their optimum, each row one of them.

Every step goes to the lowest point, by one Newton step, of a space of four directions: the preconditioned gradient, the
last two steps, and the intercept (sequential subspace optimisation: Narkiss and Zibulevsky 2005; on a quadratic
objective these are conjugate gradients). All it needs of the states is two products, one for the gradient and one for
the scores of the new direction: those of the other directions are known. A row that has arrived takes no more part.

The certificate is the duality gap, as a share of what the states gain: of how far the objective lies below that of the
base rate. (As a share of the objective it would say little at a small C, where the base rate is nearly all of it.) The
slopes of the losses are a point of the dual, and the gap there is half the square of the gradient, weighed by the
inverse of the penalty. The intercept has no penalty; it is kept at its best, and what its slope is off by counts by the
inverse of its curvature.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from truthmap.probes.solver.kernels import PATIENCE
from truthmap.probes.solver.preconditioner import Preconditioner
from truthmap.probes.solver.state import ProblemBatch, SolverState
from truthmap.probes.solver.steps import evaluate, run_steps

_MOST_STEPS = 1000


@dataclass(frozen=True)
class Optima:
    """Where rows have arrived: weight float (B, d), scores float (B, n) and gap float (B,)."""

    weight: torch.Tensor
    scores: torch.Tensor
    gap: torch.Tensor


def descend(
    x: torch.Tensor,
    batch: ProblemBatch,
    start: tuple[torch.Tensor, torch.Tensor],
    precondition: Preconditioner,
    tolerance: float,
) -> Optima:
    """Go from a start to the optimum of every row.

    Args:
        x: float (n, d).
        batch: The problems.
        start: weight (B, d), and scores (B, n): x · weight + intercept, for all answers.
        precondition: Begun where the rows start.
        tolerance: The gap at which a row has converged.
    """
    found = Optima(torch.empty_like(start[0]), torch.empty_like(start[1]), start[0].new_empty(len(start[0])))
    active = torch.arange(len(found.gap), device=found.gap.device)
    state = SolverState.begin(batch, *start)
    evaluate(x, batch, state)
    while True:
        done = (state.gap <= tolerance) | (state.stalled >= PATIENCE) | (state.steps >= _MOST_STEPS)
        if done.any():
            found.gap[active], found.weight[active], found.scores[active] = state.gap, state.weight, state.scores
            left = (~done).nonzero()[:, 0]
            if not len(left):
                return found
            active, batch, state = active[left], batch.take(left), state.take(left)
            precondition.take(left)
        if precondition.worn:
            precondition.renew(state.curvature, batch.penalty)
        run_steps(x, batch, state, precondition, tolerance)
