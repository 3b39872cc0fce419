"""Many L2-regularised logistic regressions on the same states, each to its optimum, along a path of C.

The objective is scikit-learn's: ½‖w‖² + C Σᵢ log(1 + exp(−yᵢ(w·xᵢ + b))), the intercept b unpenalised, features
standardised by the training part. Problems that share their states (folds, label vectors) are rows of one matrix, so
that every step is two matrix products for all of them. Every C starts on the line through the last two optima, at its
lowest point.

Problems are rows, not columns: a thin matrix times the states is several times faster that way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from truthmap.probes.solver.descent import Optima, descend
from truthmap.probes.solver.preconditioner import Preconditioner
from truthmap.probes.solver.products import matmul_transpose
from truthmap.probes.solver.state import ProblemBatch

TOLERANCE = 3e-6
"""A probe has converged when its duality gap, which bounds how far its objective lies above the optimum, is at most
this share of what the states gain over the base rate. AUCs are then those of the optimum to 0.001, which is what a map
needs."""

CLOSE = 1e-7
"""The tolerance of a probe that is kept for use: its weights are those of the optimum to a thousandth."""

_LENGTH_STEPS = 3
_LONGEST = 3.0  # times the last move: farther, the straight line says nothing


@dataclass(frozen=True)
class Problems:
    """Logistic regressions that share their states: B of them, one per row.

    Attributes:
        x: float (n, d), the states, centred and scaled alike for all of them.
        scale: float (B, d), what each row divides the features by, so that they have unit variance in its own training
            part. Each row's own centring is taken up by its free intercept.
        y: float (B, n), +1 for right, -1 for wrong.
        member: float (B, n), 1 where an answer belongs to the row's training part, else 0.
    """

    x: torch.Tensor
    scale: torch.Tensor
    y: torch.Tensor
    member: torch.Tensor


@dataclass(frozen=True)
class Solutions:
    """The optima of all rows for one C.

    Attributes:
        c: The inverse strength of regularisation.
        weight: float (B, d), for the columns of `x` as they stand.
        bias: float (B,).
        scores: float (B, n): x · weight + bias, for all answers, members or not.
        gap: float (B,): the certificate, the duality gap as a share of what the states gain.
        converged: bool (B,): gap ≤ the tolerance.
    """

    c: float
    weight: torch.Tensor
    bias: torch.Tensor
    scores: torch.Tensor
    gap: torch.Tensor
    converged: torch.Tensor


def solve_path(problems: Problems, cs: Sequence[float], tolerance: float = TOLERANCE) -> Iterator[Solutions]:
    """Solve all problems for each C, the smallest first."""
    return follow_path(problems, cs, tolerance, Preconditioner, descend)


class Begins(Protocol):
    """A preconditioner, as far as the path goes."""

    def begin(self, curvature: torch.Tensor) -> None:
        """Start at a new C where the rows have curvatures (B, n)."""
        ...


Preconditions = TypeVar("Preconditions", bound=Begins)
Descend = Callable[[torch.Tensor, ProblemBatch, "tuple[torch.Tensor, torch.Tensor]", Preconditions, float], Optima]
"""What brings rows to their optimum: states, problems, start, preconditioner, tolerance."""


@torch.inference_mode()
def follow_path(
    problems: Problems,
    cs: Sequence[float],
    tolerance: float,
    make_preconditioner: Callable[[torch.Tensor, torch.Tensor], Preconditions],
    descend_to: Descend[Preconditions],
) -> Iterator[Solutions]:
    """Solve all problems for each C, the smallest first, by a preconditioner and a descent that go together."""
    x = problems.x.contiguous()
    precondition: Preconditions | None = None
    weight, scores = torch.zeros_like(problems.scale), torch.zeros_like(problems.member)
    before = weight, scores
    for c in sorted(cs):
        batch = ProblemBatch.of(problems.scale, problems.y, problems.member, c)
        ahead = weight - before[0], scores - before[1]
        before = weight, scores
        length = _best_length(batch, before, ahead)
        start = weight + length * ahead[0], scores + length * ahead[1]
        precondition = precondition or make_preconditioner(x, batch.penalty)
        precondition.begin(batch.derivatives(start[1])[1])
        found = descend_to(x, batch, start, precondition, tolerance)
        weight, scores, gap = found.weight, found.scores, found.gap
        # Scores have been added up step by step; what they differ from the weights' own by is the intercept.
        exact = matmul_transpose(weight, x)
        bias = (scores - exact).mean(dim=1)
        scores = exact + bias[:, None]
        yield Solutions(c, weight, bias, scores, gap, gap <= tolerance)


def _best_length(
    batch: ProblemBatch, start: tuple[torch.Tensor, torch.Tensor], direction: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Return how far to go from a start in a direction, by Newton's method in one dimension: (B, 1).

    Start and direction are weights (B, d) with their scores (B, n), so that no states are needed.
    """
    (weight, scores), (step, step_scores) = start, direction
    bend = (batch.penalty * step * step).sum(dim=1)
    length = torch.zeros_like(bend)[:, None]
    for _ in range(_LENGTH_STEPS):
        slope, curvature = batch.derivatives(scores + length * step_scores)
        first = ((weight + length * step) * batch.penalty * step).sum(dim=1) + (slope * step_scores).sum(dim=1)
        second = bend + (curvature * step_scores * step_scores).sum(dim=1)
        length = (length + torch.where(second > 0, -first / second, 0.0)[:, None]).clamp(0.0, _LONGEST)
    return length
