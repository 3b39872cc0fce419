"""Many L2-regularised logistic regressions on the same states, each to its optimum, along a path of C.

The objective is scikit-learn's: ½‖w‖² + C Σᵢ log(1 + exp(−yᵢ(w·xᵢ + b))), the intercept b unpenalised, features
standardised by the training part. Problems that share their states (folds, label vectors) are columns of one matrix,
so that every step is two matrix products for all of them: Newton's method, each step solved by conjugate gradients.
Every C starts where the C before it ended, and takes its preconditioner, one for all columns, from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

TOLERANCE = 1e-5
"""A probe has converged when half its squared Newton decrement, which bounds what the objective can still lose near
the optimum, is at most this share of the objective. One more step is taken after that."""

_MOST_NEWTON = 60
_MOST_CG = 300
_CG_ACCURACY = 0.1  # of the squared residual, in the preconditioner's norm: a better step costs more than it saves


@dataclass(frozen=True)
class Problems:
    """Logistic regressions that share their states, one per column.

    Attributes:
        x: float32 (n, d), the states, centred and scaled alike for all of them.
        scale: float32 (d, B), what each column divides the features by, so that they have unit variance in its own
            training part. Each column's own centring is taken up by its free intercept.
        y: float32 (n, B), +1 for right, -1 for wrong.
        member: float32 (n, B), 1 where an answer belongs to the column's training part, else 0.
    """

    x: torch.Tensor
    scale: torch.Tensor
    y: torch.Tensor
    member: torch.Tensor


@dataclass(frozen=True)
class Solutions:
    """The optima of all columns for one C.

    Attributes:
        c: The inverse strength of regularisation.
        weight: float32 (d, B), for the columns of `x` as they stand.
        bias: float32 (B,).
        scores: float32 (n, B): x · weight + bias, for all answers, members or not.
        gap: float32 (B,): the certificate, half the squared Newton decrement relative to the objective.
        converged: bool (B,): gap ≤ `TOLERANCE`.
    """

    c: float
    weight: torch.Tensor
    bias: torch.Tensor
    scores: torch.Tensor
    gap: torch.Tensor
    converged: torch.Tensor


@torch.inference_mode()
def solve_path(problems: Problems, cs: Sequence[float]) -> Iterator[Solutions]:
    """Solve all problems for each C, the smallest first."""
    x = torch.cat([problems.x, problems.x.new_ones((len(problems.x), 1))], dim=1)
    n_columns = problems.member.shape[1]
    penalty = torch.cat([problems.scale**2, problems.scale.new_zeros((1, n_columns))])
    weight, scores = x.new_zeros((x.shape[1], n_columns)), x.new_zeros((len(x), n_columns))
    for c in sorted(cs):
        gap = _newton(x, _Columns(penalty, problems.y, problems.member, c), weight, scores)
        yield Solutions(c, weight[:-1].clone(), weight[-1].clone(), scores.clone(), gap, gap <= TOLERANCE)


@dataclass(frozen=True)
class _Columns:
    """Some of the problems, at one C: penalty (d + 1, B), y and member (n, B)."""

    penalty: torch.Tensor
    y: torch.Tensor
    member: torch.Tensor
    c: float

    def take(self, columns: torch.Tensor) -> _Columns:
        return _Columns(self.penalty[:, columns], self.y[:, columns], self.member[:, columns], self.c)

    def objective(self, w: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Give each column's objective, summed in float64: float64 (B,)."""
        loss = (self.member * torch.nn.functional.softplus(-self.y * z)).sum(0, dtype=torch.float64)
        return 0.5 * (self.penalty * w * w).sum(0, dtype=torch.float64) + self.c * loss


def _newton(x: torch.Tensor, columns: _Columns, weight: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Bring weight (d + 1, B) and scores (n, B) to the optimum, in place; give the certificates (B,)."""
    gap = weight.new_full((weight.shape[1],), torch.inf)
    active = torch.arange(weight.shape[1], device=x.device)
    precondition: Callable[[torch.Tensor], torch.Tensor] | None = None
    for _ in range(_MOST_NEWTON):
        here = columns.take(active)
        w, z = weight[:, active], scores[:, active]
        p = torch.sigmoid(-here.y * z)
        gradient = here.penalty * w - x.T @ (here.y * p * here.member * here.c)
        curvature = p * (1 - p) * here.member * here.c
        if precondition is None:
            precondition = _preconditioner(x, here.penalty, curvature)
        step, moved = _conjugate_gradients(x, here.penalty, curvature, -gradient, precondition)
        decrement = -(gradient * step).sum(0)
        before = here.objective(w, z)
        gap[active] = (0.5 * decrement.clamp(min=0) / before).to(gap.dtype)
        length = _line_search(here, (w, z), (step, moved), before, decrement)
        weight[:, active], scores[:, active] = w + length * step, z + length * moved
        active = active[(gap[active] > TOLERANCE) & (length > 0)]
        if not len(active):
            break
    return gap


def _preconditioner(
    x: torch.Tensor, penalty: torch.Tensor, curvature: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Invert the mean of the columns' Hessians."""
    hessian = (x * curvature.mean(dim=1, keepdim=True)).T @ x
    hessian.diagonal().add_(penalty.mean(dim=1))
    hessian[-1, -1] += 1e-6 * hessian.diagonal().mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return lambda residual: inverse @ residual


def _conjugate_gradients(
    x: torch.Tensor,
    penalty: torch.Tensor,
    curvature: torch.Tensor,
    target: torch.Tensor,
    precondition: Callable[[torch.Tensor], torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Solve (penalty + xᵀ curvature x) step = target for every column; give step (d + 1, B) and x · step (n, B)."""
    step, moved = torch.zeros_like(target), torch.zeros_like(curvature)
    residual = target.clone()
    z = precondition(residual)
    direction = z.clone()
    product = (residual * z).sum(0)
    goal = product * _CG_ACCURACY
    for _ in range(_MOST_CG):
        along = x @ direction
        image = (penalty * direction).addmm_(x.T, curvature * along)
        size = (direction * image).sum(0)
        alpha = torch.where(size > 0, product / size, 0.0)
        step.addcmul_(direction, alpha.expand_as(direction))
        moved.addcmul_(along, alpha.expand_as(along))
        residual.addcmul_(image, -alpha.expand_as(image))
        z = precondition(residual)
        new = (residual * z).sum(0)
        if (new <= goal).all():
            break
        direction = z + torch.where(product > 0, new / product, 0.0) * direction
        product = new
    return step, moved


def _line_search(
    columns: _Columns,
    at: tuple[torch.Tensor, torch.Tensor],
    step: tuple[torch.Tensor, torch.Tensor],
    before: torch.Tensor,
    decrement: torch.Tensor,
) -> torch.Tensor:
    """Halve each column's step until its objective falls as it should (Armijo): float32 (B,); x is not needed."""
    length = torch.ones_like(decrement)
    for _ in range(20):
        after = columns.objective(at[0] + length * step[0], at[1] + length * step[1])
        # What falls below float32's resolution of the objective counts as fallen.
        failed = after > before - 1e-4 * length * decrement + 1e-6 * before
        if not failed.any():
            break
        length = torch.where(failed, length / 2, length)
    return length
