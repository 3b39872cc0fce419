"""Fewer answers than dimensions: the same problem in as many dimensions as there are answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch

_LEAST_SHARE = 1e-10  # of the Gram matrix's largest eigenvalue: below it lies float64's rounding


@dataclass(frozen=True)
class Factored:
    """Features that have the same inner products as states of more dimensions, so that every probe scores alike.

    Attributes:
        features: (n, r), r ≤ n: features · featuresᵀ = states · statesᵀ.
        basis: (r, d), with orthonormal rows: features · basis = states.
    """

    features: torch.Tensor
    basis: torch.Tensor

    def widen(self, weight: torch.Tensor) -> torch.Tensor:
        """Give the weights for the states: weight (B, r) for the features → (B, d)."""
        return weight @ self.basis


def factored(states: torch.Tensor) -> Factored:
    """Factor states (n, d), n < d, through their Gram matrix.

    The optimum of a penalised problem is a combination of the states (the representer theorem), so nothing is lost.
    Eigenvalues are taken in float64, since their roots are used.
    """
    wide = states.double()
    values, vectors = torch.linalg.eigh(wide @ wide.T)
    kept = values > _LEAST_SHARE * values[-1].clamp(min=1e-300)
    root = values[kept].sqrt()
    vectors = vectors[:, kept]
    return Factored((vectors * root).to(states), ((vectors / root).T @ wide).to(states))
