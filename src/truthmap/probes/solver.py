"""Many L2-regularised logistic regressions on the same states, each to its optimum, along a path of C.

The objective is scikit-learn's: ½‖w‖² + C Σᵢ log(1 + exp(−yᵢ(w·xᵢ + b))), the intercept b unpenalised, features
standardised by the training part. Problems that share their states (folds, label vectors) are rows of one matrix, so
that every step is two matrix products for all of them: Newton's method, each step solved by conjugate gradients.
Every C starts where the path so far points to, and two neighbours share a preconditioner, one for all rows.

Problems are rows, not columns: a thin matrix times the states is several times faster that way round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

TOLERANCE = 1e-5
"""A probe has converged when half its squared Newton decrement, which bounds what the objective can still lose near
the optimum, is at most this share of the objective. One more step is taken after that. AUCs are then those of the
optimum to 0.001, which is what a map needs."""

CLOSE = 1e-8
"""The tolerance of a probe that is kept for use: its weights are those of the optimum to a thousandth."""

_MOST_NEWTON = 60
_MOST_CG = 300
_AHEAD = 0.7  # of the way between the last two optima
_SHARED = 10.1  # largest ratio of two values of C that share a preconditioner
_WIDE = 1024  # dimensions; beyond, the preconditioner is made from a sample of the answers
_SAMPLED = 512
_CG_ACCURACY = 0.1  # of the squared residual, in the preconditioner's norm: a better step costs more than it saves


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
    weight, scores = x.new_zeros((n_rows, x.shape[1])), x.new_zeros((n_rows, len(x)))
    path = sorted(cs)
    before: tuple[torch.Tensor, torch.Tensor] | None = None
    for number, c in enumerate(path):
        solved = weight.clone(), scores.clone()
        if before is not None:
            # The weights grow evenly with log C: to start a step ahead saves Newton steps.
            weight, scores = _ahead(weight, before[0]), _ahead(scores, before[1])
        rows = _Rows(penalty, problems.y, problems.member, c)
        if number % 2 == 0 or c > _SHARED * path[number - 1]:
            following = path[number + 1] if number % 2 == 0 and number + 1 < len(path) else c
            between = math.sqrt(following / c) if following <= _SHARED * c else 1.0
            precondition = _preconditioner(x, rows, scores, between)
        gap = _newton(x, rows, (weight, scores), precondition, tolerance)
        before = solved
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

    def objective(self, weight: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Give each row's objective, summed in float64: float64 (B,)."""
        loss = (self.member * torch.nn.functional.softplus(-self.y * scores)).sum(1, dtype=torch.float64)
        return 0.5 * (self.penalty * weight * weight).sum(1, dtype=torch.float64) + self.c * loss


def _ahead(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    return now + _AHEAD * (now - before)


def _newton(
    x: torch.Tensor,
    rows: _Rows,
    at: tuple[torch.Tensor, torch.Tensor],
    precondition: Callable[[torch.Tensor], torch.Tensor],
    tolerance: float,
) -> torch.Tensor:
    """Bring weight (B, d + 1) and scores (B, n) to the optimum, in place; give the certificates (B,)."""
    weight, scores = at
    gap = weight.new_full((len(weight),), torch.inf)
    active = torch.arange(len(weight), device=x.device)
    for _ in range(_MOST_NEWTON):
        here = rows.take(active)
        w, z = weight[active], scores[active]
        p = torch.sigmoid(-here.y * z)
        gradient = here.penalty * w - (here.y * p * here.member * here.c) @ x
        curvature = p * (1 - p) * here.member * here.c
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


def _preconditioner(
    x: torch.Tensor, rows: _Rows, scores: torch.Tensor, factor: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Give the preconditioner of all rows where their scores are (B, n), for a C that is `factor` times theirs."""
    p = torch.sigmoid(-rows.y * scores)
    curvature = p * (1 - p) * rows.member * (rows.c * factor)
    make = _inverse_mean_hessian if x.shape[1] <= _WIDE else _inverse_sampled_hessian
    return make(x, rows.penalty, curvature)


def _inverse_mean_hessian(
    x: torch.Tensor, penalty: torch.Tensor, curvature: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Give the preconditioner of all rows: the inverse of the mean of their Hessians, (B, d + 1) → (B, d + 1)."""
    hessian = x.T @ (x * curvature.mean(dim=0)[:, None])
    hessian.diagonal().add_(penalty.mean(dim=0))
    hessian[-1, -1] += 1e-6 * hessian.diagonal().mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return lambda residual: residual @ inverse


def _inverse_sampled_hessian(
    x: torch.Tensor, penalty: torch.Tensor, curvature: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Give a preconditioner for wide states, where a (d, d) matrix costs more than it saves.

    It is the inverse of the Hessian of a few answers, counted up to all of them, through the Woodbury identity: nothing
    larger than (answers, d) is formed. The intercept stands alone.
    """
    mean = curvature.mean(dim=0)
    diagonal = penalty.mean(dim=0)
    diagonal[-1] = mean.sum()
    every = max(1, len(x) // _SAMPLED)
    sample = x[::every] * (mean[::every] * every).sqrt()[:, None]
    sample[:, -1] = 0.0
    scaled = sample / diagonal
    core = scaled @ sample.T
    core.diagonal().add_(1.0)
    factor = torch.linalg.cholesky(core)
    return lambda residual: residual / diagonal - torch.cholesky_solve(scaled @ residual.T, factor).T @ scaled


def _conjugate_gradients(
    x: torch.Tensor,
    penalty: torch.Tensor,
    curvature: torch.Tensor,
    target: torch.Tensor,
    precondition: Callable[[torch.Tensor], torch.Tensor],
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
