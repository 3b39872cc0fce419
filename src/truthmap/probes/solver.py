"""Many L2-regularised logistic regressions on the same states, each to its optimum, along a path of C.

The objective is scikit-learn's: ½‖w‖² + C Σᵢ log(1 + exp(−yᵢ(w·xᵢ + b))), the intercept b unpenalised, features
standardised by the training part. Problems that share their states (folds, label vectors) are rows of one matrix, so
that every step is two matrix products for all of them: Newton's method, each step solved by conjugate gradients.
Every C starts on the line through the last two optima, at its lowest point, and takes its preconditioner, one for all
rows, from there.

Problems are rows, not columns: a thin matrix times the states is several times faster that way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from truthmap.probes.precondition import Preconditioner

TOLERANCE = 1e-5
"""A probe has converged when half its squared Newton decrement, which bounds what the objective can still lose near
the optimum, is at most this share of the objective. One more step is taken after that. AUCs are then those of the
optimum to 0.001, which is what a map needs."""

CLOSE = 1e-8
"""The tolerance of a probe that is kept for use: its weights are those of the optimum to a thousandth."""

_MOST_NEWTON = 60
_MOST_CG = 300
_LENGTH_STEPS = 3
_LONGEST = 3.0  # times the last move: farther, the straight line says nothing
_CG_ACCURACY = 0.25  # of the squared residual, in the preconditioner's norm: a better step costs more than it saves


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
        gap: float (B,): the certificate, half the squared Newton decrement relative to the objective.
        converged: bool (B,): gap ≤ the tolerance.
    """

    c: float
    weight: torch.Tensor
    bias: torch.Tensor
    scores: torch.Tensor
    gap: torch.Tensor
    converged: torch.Tensor


@torch.inference_mode()
def solve_path(problems: Problems, cs: Sequence[float], tolerance: float = TOLERANCE) -> Iterator[Solutions]:
    """Solve all problems for each C, the smallest first."""
    x = torch.cat([problems.x, problems.x.new_ones((len(problems.x), 1))], dim=1)
    n_rows = len(problems.member)
    penalty = torch.cat([problems.scale**2, problems.scale.new_zeros((n_rows, 1))], dim=1)
    precondition = Preconditioner(x, penalty.mean(dim=0))
    weight, scores = x.new_zeros((n_rows, x.shape[1])), x.new_zeros((n_rows, len(x)))
    before = weight, scores
    for c in sorted(cs):
        rows = _Rows(penalty, problems.y, problems.member, c)
        ahead = weight - before[0], scores - before[1]
        before = weight.clone(), scores.clone()
        length = rows.best_length((weight, scores), ahead)
        weight, scores = weight + length * ahead[0], scores + length * ahead[1]
        precondition.make(rows.curvature(scores).mean(dim=0))
        gap = _newton(x, rows, (weight, scores), precondition, tolerance)
        yield Solutions(c, weight[:, :-1].clone(), weight[:, -1].clone(), scores.clone(), gap, gap <= tolerance)


@dataclass(frozen=True)
class _Rows:
    """Some of the problems, at one C: penalty (B, d + 1), y and member (B, n)."""

    penalty: torch.Tensor
    y: torch.Tensor
    member: torch.Tensor
    c: float

    def take(self, rows: torch.Tensor) -> _Rows:
        return _Rows(self.penalty[rows], self.y[rows], self.member[rows], self.c)

    def curvature(self, scores: torch.Tensor) -> torch.Tensor:
        """Give the second derivative of each answer's loss by its score: (B, n)."""
        p = torch.sigmoid(scores)
        return p * (1 - p) * self.member * self.c

    def objective(self, weight: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Give each row's objective, summed in float64: float64 (B,)."""
        loss = (self.member * torch.nn.functional.softplus(-self.y * scores)).sum(1, dtype=torch.float64)
        return 0.5 * (self.penalty * weight * weight).sum(1, dtype=torch.float64) + self.c * loss

    def best_length(
        self, at: tuple[torch.Tensor, torch.Tensor], along: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Give how far to go along a direction, by Newton's method in one dimension: (B, 1); needs no states."""
        (weight, scores), (step, moved) = at, along
        slope, bend = (self.penalty * weight * step).sum(1), (self.penalty * step * step).sum(1)
        length = torch.zeros_like(slope)
        for _ in range(_LENGTH_STEPS):
            here = scores + length[:, None] * moved
            pull = torch.sigmoid(-self.y * here) * self.y * self.member * moved
            first = slope + length * bend - self.c * pull.sum(1)
            second = bend + (self.curvature(here) * moved * moved).sum(1)
            length = torch.where(second > 0, length - first / second, 0.0).clamp(0.0, _LONGEST)
        return length[:, None]


def _newton(
    x: torch.Tensor,
    rows: _Rows,
    at: tuple[torch.Tensor, torch.Tensor],
    precondition: Preconditioner,
    tolerance: float,
) -> torch.Tensor:
    """Bring weight (B, d + 1) and scores (B, n) to the optimum, in place; give the certificates (B,)."""
    weight, scores = at
    gap = weight.new_full((len(weight),), torch.inf)
    active = torch.arange(len(weight), device=x.device)
    for _ in range(_MOST_NEWTON):
        here = rows.take(active)
        w, z = weight[active], scores[active]
        curvature = here.curvature(z)
        if precondition.worn:
            precondition.make(curvature.mean(dim=0))
        pull = torch.sigmoid(-here.y * z) * here.y * here.member
        gradient = torch.addmm(here.penalty * w, pull, x, alpha=-here.c)
        step, moved = _conjugate_gradients(x, here.penalty, curvature, -gradient, precondition)
        decrement = -(gradient * step).sum(1)
        before = here.objective(w, z)
        gap[active] = (0.5 * decrement.clamp(min=0) / before).to(gap.dtype)
        length = _line_search(here, (w, z), (step, moved), before, decrement)[:, None]
        weight[active], scores[active] = w + length * step, z + length * moved
        active = active[(gap[active] > tolerance) & (length[:, 0] > 0)]
        if not len(active):
            break
    return gap


def _conjugate_gradients(
    x: torch.Tensor,
    penalty: torch.Tensor,
    curvature: torch.Tensor,
    target: torch.Tensor,
    precondition: Preconditioner,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Solve (penalty + xᵀ curvature x) step = target for every row; give step (B, d + 1) and x · step (B, n)."""
    step, moved = torch.zeros_like(target), torch.zeros_like(curvature)
    residual = target.clone()
    z = precondition(residual)
    direction = z.clone()
    product = (residual * z).sum(1, keepdim=True)
    goal = product * _CG_ACCURACY
    for _ in range(_MOST_CG):
        along = direction @ x.T
        image = torch.addmm(penalty * direction, curvature * along, x)
        size = (direction * image).sum(1, keepdim=True)
        alpha = torch.where(size > 0, product / size, 0.0)
        step.addcmul_(direction, alpha)
        moved.addcmul_(along, alpha)
        residual.addcmul_(image, alpha, value=-1)
        z = precondition(residual)
        new = (residual * z).sum(1, keepdim=True)
        if (new <= goal).all():
            break
        direction = torch.addcmul(z, direction, torch.where(product > 0, new / product, 0.0))
        product = new
    return step, moved


def _line_search(
    rows: _Rows,
    at: tuple[torch.Tensor, torch.Tensor],
    step: tuple[torch.Tensor, torch.Tensor],
    before: torch.Tensor,
    decrement: torch.Tensor,
) -> torch.Tensor:
    """Halve each row's step until its objective falls as it should (Armijo): float (B,); x is not needed."""
    length = torch.ones_like(decrement)
    for _ in range(20):
        after = rows.objective(at[0] + length[:, None] * step[0], at[1] + length[:, None] * step[1])
        # What falls below float32's resolution of the objective counts as fallen.
        failed = after > before - 1e-4 * length * decrement + 1e-6 * before
        if not failed.any():
            break
        length = torch.where(failed, length / 2, length)
    return length
