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

import torch

from truthmap.probes.solver.kernels import PATIENCE
from truthmap.probes.solver.preconditioner import Preconditioner
from truthmap.probes.solver.state import ProblemBatch, SolverState
from truthmap.probes.solver.steps import look, walk

_MOST_STEPS = 1000


def descend(
    x: torch.Tensor,
    rows: ProblemBatch,
    start: tuple[torch.Tensor, torch.Tensor],
    precondition: Preconditioner,
    tolerance: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Go from a start to the optimum of every row; give weight (B, d), scores (B, n) and gap (B,) there.

    Args:
        x: float (n, d).
        rows: The problems.
        start: weight (B, d), and scores (B, n): x · weight + intercept, for all answers.
        precondition: Begun where the rows start.
        tolerance: The gap at which a row has arrived.
    """
    weight, scores = torch.empty_like(start[0]), torch.empty_like(start[1])
    gap = weight.new_empty(len(weight))
    active = torch.arange(len(gap), device=gap.device)
    place = SolverState.begin(rows, *start)
    look(x, rows, place)
    while True:
        gone = (place.gap <= tolerance) | (place.waited[1] >= PATIENCE) | (place.steps >= _MOST_STEPS)
        if gone.any():
            gap[active], weight[active], scores[active] = place.gap, place.weight, place.scores
            left = (~gone).nonzero()[:, 0]
            if not len(left):
                return weight, scores, gap
            active, rows, place = active[left], rows.take(left), place.take(left)
            precondition.take(left)
        if precondition.worn:
            precondition.renew(place.curvature, rows.penalty)
        walk(x, rows, place, precondition, tolerance)
