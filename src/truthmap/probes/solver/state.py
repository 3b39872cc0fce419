"""Logistic regressions on their way to the optimum, one per row: what they are, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from truthmap.probes.solver.kernel_types import ProblemArrays, StateArrays

REMEMBERED = 2  # steps; with one some more are needed, with three hardly fewer


@dataclass(frozen=True)
class ProblemBatch:
    """Problems at one C.

    Attributes:
        penalty: float (B, d), of half the square of each weight; the intercept has none.
        y: float (B, n), +1 for right, -1 for wrong.
        loss: float (B, n), C for an answer of the row's training part, else 0.
        base: float (B,), the objective of weights of zero and the base rate as intercept.
    """

    penalty: torch.Tensor
    y: torch.Tensor
    loss: torch.Tensor
    base: torch.Tensor

    @classmethod
    def of(cls, scale: torch.Tensor, y: torch.Tensor, member: torch.Tensor, c: float) -> ProblemBatch:
        """Write down problems with features divided by scale, float (B, d), and training parts member, float (B, n)."""
        counts = member.sum(dim=1)
        share = ((member * y).sum(dim=1) / counts + 1) / 2
        base = c * counts * (torch.special.entr(share) + torch.special.entr(1 - share))
        return cls(scale.square(), y.contiguous(), member * c, base)

    def arrays(self) -> ProblemArrays:
        """Return the same memory as the compiled loops take it."""
        return ProblemArrays(self.penalty.numpy(), self.y.numpy(), self.loss.numpy(), self.base.numpy())

    def take(self, rows: torch.Tensor) -> ProblemBatch:
        """Return some of the rows."""
        return ProblemBatch(self.penalty[rows], self.y[rows], self.loss[rows], self.base[rows])

    def objective(self, weight: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the objective of weight (B, d) with scores (B, n): float (B,)."""
        log_p = torch.nn.functional.logsigmoid(self.y * scores)
        objective: torch.Tensor = 0.5 * torch.linalg.vecdot(weight, self.penalty * weight)
        objective -= torch.linalg.vecdot(log_p, self.loss)
        return objective

    def derivatives(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first and second derivative of each answer's loss by its score: (B, n) each."""
        p_wrong = torch.sigmoid(self.y * -scores)
        rate = p_wrong * self.loss
        return rate * -self.y, rate - rate * p_wrong


@dataclass
class SolverState:
    """Where rows are.

    Attributes:
        weight: float (B, d).
        scores: float (B, n): x · weight + intercept, for all answers.
        objective: float (B,).
        gradient: float (B, d).
        slope, curvature: float (B, n), the first and second derivative of each answer's loss by its score.
        gap: float (B,), the certificate.
        least_gap, stalled: float (B,), the smallest gap so far, and the steps since.
        directions: float (B, m, d), those whose scores are known: the intercept, then the last steps, the oldest
            replaced by the newest.
        direction_scores: float (B, m, n), the scores of the directions; of the intercept, ones.
        steps: How many have been made.
    """

    weight: torch.Tensor
    scores: torch.Tensor
    objective: torch.Tensor
    gradient: torch.Tensor
    slope: torch.Tensor
    curvature: torch.Tensor
    gap: torch.Tensor
    least_gap: torch.Tensor
    stalled: torch.Tensor
    directions: torch.Tensor
    direction_scores: torch.Tensor
    steps: int = 0

    @classmethod
    def begin(cls, batch: ProblemBatch, weight: torch.Tensor, scores: torch.Tensor) -> SolverState:
        """Start where weight (B, d) gives scores (B, n); the derivatives are still to be found."""
        gap = weight.new_full((len(weight),), torch.inf)
        directions, direction_scores = (
            each.new_zeros((len(each), 2 + REMEMBERED, each.shape[1])) for each in (weight, scores)
        )
        direction_scores[:, 0] = 1.0
        return cls(
            weight=weight.clone(),
            scores=scores.clone(),
            objective=batch.objective(weight, scores),
            gradient=torch.empty_like(weight),
            slope=torch.empty_like(scores),
            curvature=torch.empty_like(scores),
            gap=gap,
            least_gap=gap.clone(),
            stalled=torch.zeros_like(gap),
            directions=directions,
            direction_scores=direction_scores,
        )

    def arrays(self) -> StateArrays:
        """Return the same memory as the compiled loops take it."""
        return StateArrays(*(getattr(self, name).numpy() for name in StateArrays._fields))

    def take(self, rows: torch.Tensor) -> SolverState:
        """Return some of the rows."""
        return replace(self, **{name: getattr(self, name)[rows] for name in StateArrays._fields})
