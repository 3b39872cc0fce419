"""A fitted linear probe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import AnyArray, Bools, Floats
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.probes.solver.path import CLOSE, Problems, solve_path
from truthmap.shown import ShortRepr

_PIECE = 64  # rows


@dataclass(frozen=True, repr=False)
class LinearProbe(ShortRepr):
    """A linear probe, frozen.

    Attributes:
        weight: float64 (d,), for standardised states.
        bias: float
        mean, scale: float64 (d,), what standardises a state.
        c: The inverse strength of regularisation it was fitted with.
        converged: Whether it is at the optimum.
        gap: The certificate: see `solver.CLOSE`.
    """

    weight: Floats
    bias: float
    mean: Floats
    scale: Floats
    c: float
    converged: bool
    gap: float

    def score(self, states: AnyArray) -> Floats:
        """Return the log-odds that answers are right: states (n, d) → float64 (n,)."""
        return np.asarray(((states - self.mean) / self.scale) @ self.weight + self.bias, dtype=np.float64)

    @property
    def raw_weight(self) -> Floats:
        """The weight for raw states, float64 (d,): `states @ raw_weight + raw_bias` is `score(states)`."""
        raw: Floats = self.weight / self.scale
        return raw

    @property
    def raw_bias(self) -> float:
        """The bias that goes with `raw_weight`."""
        return self.bias - float(self.raw_weight @ self.mean)

    @property
    def direction(self) -> Floats:
        """The direction in which a state's log-odds of being right rise fastest: float64 (d,), of length 1.

        It is a vector of zeros where the probe says the same of every state.
        """
        length = float(np.linalg.norm(self.raw_weight))
        return self.raw_weight / length if length > 0 else self.raw_weight


def fit_probe(states: torch.Tensor, y: Bools, c: float) -> LinearProbe:
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
    # One sum is several times faster than a look at every number.
    if not bool(torch.isfinite(states.sum(dtype=torch.float64))) and not bool(torch.isfinite(states).all()):
        broken = int((~torch.isfinite(states).all(dim=1)).sum())
        raise UsageError(
            f"states must be finite numbers, but {broken} of {len(states)} are not; leave those answers out"
        )
    standard = standardise(states)
    x = standard.x
    signs = torch.from_numpy(np.where(y, 1.0, -1.0)).to(x)[None]
    solution = next(solve_path(Problems(x, x.new_ones((1, x.shape[1])), signs, torch.ones_like(signs)), [c], CLOSE))
    return LinearProbe(
        weight=solution.weight[0].double().cpu().numpy(),
        bias=float(solution.bias[0]),
        mean=standard.mean.cpu().numpy(),
        scale=standard.scale.cpu().numpy(),
        c=c,
        converged=bool(solution.converged[0]),
        gap=float(solution.gap[0]),
    )


@dataclass(frozen=True)
class Standardised:
    """States with columns of mean 0 and standard deviation 1.

    Attributes:
        x: float32 (n, d), or float64 of float64 states.
        mean, scale: float64 (d,), what was taken off and divided by.
    """

    x: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor


def standardise(states: torch.Tensor) -> Standardised:
    """Centre and scale the columns of states (n, d).

    Sums are float64 in any case: a few dimensions of a language model are thousands of times larger than the others.
    Rows are taken a few at a time, so that they stay in the cache. A column that is constant but for rounding keeps its
    scale of 1 and says nothing.
    """
    kept = torch.float64 if states.dtype == torch.float64 else torch.float32
    mean = states.new_zeros(states.shape[1], dtype=torch.float64)
    for piece in torch.split(states, _PIECE):
        mean += piece.sum(dim=0, dtype=torch.float64)
    mean /= len(states)
    x = torch.empty(states.shape, dtype=kept, device=states.device)
    near, rest, squares = mean.to(kept), torch.zeros_like(mean), torch.zeros_like(mean)
    for piece, centred in zip(torch.split(states, _PIECE), torch.split(x, _PIECE), strict=True):
        torch.sub(piece, near, out=centred)
        rest += centred.sum(dim=0, dtype=torch.float64)
        squares += centred.square().sum(dim=0, dtype=torch.float64)
    rest /= len(states)  # what the mean lost when it was rounded
    scale = (squares / len(states) - rest.square()).clamp(min=0).sqrt()
    constant = ~(scale > 1e-7 * mean.abs().clamp(min=1e-30))
    scale[constant] = 1.0
    for centred in torch.split(x, _PIECE):
        centred.sub_(rest.to(kept)).div_(scale.to(kept))
    x[:, constant] = 0.0
    return Standardised(x, mean, scale)
