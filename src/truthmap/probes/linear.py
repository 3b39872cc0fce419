"""A fitted linear probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from truthmap.errors import NotEnoughDataError
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
        states: float (n, d).
        y: bool (n,), whether each answer is right.
        c: Inverse strength of regularisation, as scikit-learn's `C` on standardised features.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    if y.all() or not y.any():
        raise NotEnoughDataError(f"a probe needs right and wrong answers, got {int(y.sum())} right of {len(y)}")
    x, mean, scale = standardise(states)
    ones = x.new_ones((len(x), 1))
    signs = torch.from_numpy(np.where(y, 1.0, -1.0)).to(x)[:, None]
    solution = next(solve_path(Problems(x, x.new_ones((x.shape[1], 1)), signs, ones), [c]))
    return LinearProbe(
        weight=solution.weight[:, 0].double().numpy(),
        bias=float(solution.bias[0]),
        mean=mean.numpy(),
        scale=scale.numpy(),
        c=c,
        converged=bool(solution.converged[0]),
        gap=float(solution.gap[0]),
    )


def standardise(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centre and scale the columns of states (n, d): float32 (n, d); mean and scale are float64 (d,).

    Sums are float64: a few dimensions of a language model are thousands of times larger than the others. A column that
    is constant but for rounding keeps its scale of 1 and says nothing.
    """
    exact = states.to(torch.float64)
    mean = exact.mean(dim=0)
    scale = exact.std(dim=0, correction=0)
    scale[scale <= 1e-7 * mean.abs().clamp(min=1e-30)] = 1.0
    return ((exact - mean) / scale).float(), mean, scale
