"""Fitting the Gaussian by which a state is told to be out of distribution."""

from __future__ import annotations

import numpy as np
import torch

from truthmap.arrays import AnyArray, Floats
from truthmap.detector.ood import GaussianOOD
from truthmap.errors import NotEnoughDataError

MOST_DIRECTIONS = 64


def fit_gaussian_ood(states: AnyArray, most_directions: int = MOST_DIRECTIONS) -> GaussianOOD:
    """Fit the Gaussian to states (n, d).

    Raises:
        NotEnoughDataError: fewer than three states.
    """
    n, width = states.shape
    if n < 3:
        raise NotEnoughDataError(f"a distance needs at least 3 training states, got {n}")
    exact = states.astype(np.float64)
    mean, scale = exact.mean(axis=0), exact.std(axis=0)
    scale[scale <= 1e-7 * np.abs(mean) + 1e-30] = 1.0
    x = torch.from_numpy((exact - mean) / scale)
    # Of x and its Gram matrix the smaller one is taken apart.
    if n <= width:
        values, vectors = torch.linalg.eigh(x @ x.T / n)
        values, left = values.flip(0), vectors.flip(1)
        kept = _n_directions(values.numpy(), n, width, most_directions)
        directions = (left[:, :kept].T @ x) / torch.sqrt(values[:kept, None] * n)
    else:
        values, vectors = torch.linalg.eigh(x.T @ x / n)
        values = values.flip(0)
        kept = _n_directions(values.numpy(), n, width, most_directions)
        directions = vectors.flip(1)[:, :kept].T
    rest = float(values.sum() - values[:kept].sum())
    noise = max(rest, 0.0) / (width - kept) if width > kept else 0.0
    return GaussianOOD(mean, scale, directions.float().numpy(), values[:kept].numpy().copy(), noise)


def _n_directions(values: Floats, n: int, width: int, most: int) -> int:
    """Return r: variances that rounding alone could make are not kept, and each kept one rests on several answers."""
    solid = int((values > 1e-9 * values[0]).sum())
    return max(1, min(most, solid, width, n // 4))
