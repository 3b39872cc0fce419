"""Logistic regressions on their way to the optimum, one per row: what they are, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

_BY_ROW = ("weight", "scores", "objective", "gradient", "slope", "curvature", "gap", "ways", "along")

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

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All there is, in order."""
        return self.penalty, self.y, self.loss, self.base

    def take(self, rows: torch.Tensor) -> ProblemBatch:
        """Return some of the rows."""
        return ProblemBatch(*(each[rows] for each in self.tensors))

    def objective(self, weight: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the objective of weight (B, d) with scores (B, n): float (B,)."""
        log_p = torch.nn.functional.logsigmoid(self.y * scores)
        objective: torch.Tensor = 0.5 * torch.linalg.vecdot(weight, self.penalty * weight)
        objective -= torch.linalg.vecdot(log_p, self.loss)
        return objective

    def derivatives(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first and second derivative of each answer's loss by its score: (B, n) each."""
        off = torch.sigmoid(self.y * -scores)
        pull = off * self.loss
        return pull * -self.y, pull - pull * off


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
        waited: float (2, B), the smallest gap so far, and the steps since.
        ways: float (B, m, d), directions whose scores are known: the intercept, then the last steps, the oldest
            replaced by the newest.
        along: float (B, m, n), the scores of the directions; of the intercept, ones.
        steps: How many have been made.
    """

    weight: torch.Tensor
    scores: torch.Tensor
    objective: torch.Tensor
    gradient: torch.Tensor
    slope: torch.Tensor
    curvature: torch.Tensor
    gap: torch.Tensor
    waited: torch.Tensor
    ways: torch.Tensor
    along: torch.Tensor
    steps: int = 0

    @classmethod
    def begin(cls, rows: ProblemBatch, weight: torch.Tensor, scores: torch.Tensor) -> SolverState:
        """Start where weight (B, d) gives scores (B, n); the derivatives are still to be found."""
        gap = weight.new_full((len(weight),), torch.inf)
        waited = torch.stack([gap, torch.zeros_like(gap)])
        ways, along = (each.new_zeros((len(each), 2 + REMEMBERED, each.shape[1])) for each in (weight, scores))
        along[:, 0] = 1.0
        unknown = torch.empty_like(weight), torch.empty_like(scores), torch.empty_like(scores)
        return cls(weight.clone(), scores.clone(), rows.objective(weight, scores), *unknown, gap, waited, ways, along)

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """What is looked at, in order: all but the directions."""
        derivatives = self.gradient, self.slope, self.curvature
        return self.weight, self.scores, self.objective, *derivatives, self.gap, self.waited

    def take(self, rows: torch.Tensor) -> SolverState:
        """Return some of the rows."""
        by_row = {name: getattr(self, name)[rows] for name in _BY_ROW}
        return replace(self, waited=self.waited[:, rows], **by_row)
