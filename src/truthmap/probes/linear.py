"""A fitted linear probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.probes.factor import factored
from truthmap.probes.solver import Problems, solve_path

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class LinearProbe:
    """A linear probe, frozen.

    Attributes:
        weight: float64 (d,), for standardised states.
        bias: float
        mean, scale: float64 (d,), what standardises a state.
        c: The inverse strength of regularisation it was fitted with.
        converged: Whether it is at the optimum.
        gap: The certificate: see `solver.TOLERANCE`.
    """

    weight: Floats
    bias: float
    mean: Floats
    scale: Floats
    c: float
    converged: bool
    gap: float

    def score(self, states: np.ndarray[Any, np.dtype[Any]]) -> Floats:
        """Give the log-odds that answers are right: states (n, d) → float64 (n,)."""
        return np.asarray(((states - self.mean) / self.scale) @ self.weight + self.bias, dtype=np.float64)


def fit_probe(states: torch.Tensor, y: np.ndarray[Any, np.dtype[np.bool_]], c: float) -> LinearProbe:
    """Fit a probe to its optimum.

    Args:
        states: float (n, d); float64 is solved in float64, all else in float32.
        y: bool (n,), whether each answer is right.
        c: Inverse strength of regularisation, as scikit-learn's `C` on standardised features.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
        UsageError: a state is not finite, or `c` is not positive.
    """
    if y.all() or not y.any():
        raise NotEnoughDataError(f"a probe needs right and wrong answers, got {int(y.sum())} right of {len(y)}")
    if not c > 0:
        raise UsageError(f"C must be a positive number, got {c}")
    if not bool(torch.isfinite(states).all()):
        broken = int((~torch.isfinite(states).all(dim=1)).sum())
        raise UsageError(
            f"states must be finite numbers, but {broken} of {len(states)} are not; leave those answers out"
        )
    x, mean, scale = standardise(states)
    reduced = factored(x) if len(x) < x.shape[1] else None
    z = x if reduced is None else reduced.features
    signs = torch.from_numpy(np.where(y, 1.0, -1.0)).to(z)[None]
    solution = next(solve_path(Problems(z, z.new_ones((1, z.shape[1])), signs, torch.ones_like(signs)), [c]))
    weight = solution.weight if reduced is None else reduced.widen(solution.weight)
    return LinearProbe(
        weight=weight[0].double().cpu().numpy(),
        bias=float(solution.bias[0]),
        mean=mean.cpu().numpy(),
        scale=scale.cpu().numpy(),
        c=c,
        converged=bool(solution.converged[0]),
        gap=float(solution.gap[0]),
    )


def standardise(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centre and scale the columns of states (n, d); mean and scale are float64 (d,), the result float32 (n, d).

    float64 states stay float64. Sums are float64 in any case: a few dimensions of a language model are thousands of
    times larger than the others. A column that is constant but for rounding keeps its scale of 1 and says nothing.
    """
    kept = torch.float64 if states.dtype == torch.float64 else torch.float32
    mean = states.mean(dim=0, dtype=torch.float64)
    centred = (states - mean).to(kept)  # the difference is taken in float64
    scale = (centred.square().mean(dim=0, dtype=torch.float64) - centred.mean(dim=0, dtype=torch.float64) ** 2).sqrt()
    constant = ~(scale > 1e-7 * mean.abs().clamp(min=1e-30))
    scale[constant] = 1.0
    centred[:, constant] = 0.0
    return centred.div_(scale.to(kept)), mean, scale
