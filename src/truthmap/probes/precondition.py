"""The inverse of a rough Hessian that many logistic regressions on the same states share: what makes each step short.

Two forms, whichever is smaller. Through the dimensions: the mean Hessian (d, d) of all rows, factored. Through the
answers, by the Woodbury identity: the inner products (m, m) of the answers, or of a sample of them where the states are
wide and many; there the intercept stands alone.
"""

from __future__ import annotations

import torch

_NARROW = 1024  # dimensions; up to here the (d, d) matrix is cheap enough to start with
_WIDEST = 8192  # dimensions; beyond, it would not fit beside the states
_SAMPLED = 1024  # answers
_EVEN = 0.5  # spread of the curvatures, relative to their mean, up to which one number stands for them all
# Making a (d, d) matrix anew after d / 15 uses saves more steps than it costs (measured at d = 577).
_DIMENSIONS_PER_USE = 15
_FEW = 4  # uses after which a factor of inner products, which is cheap, is worth making anew
_BLOCKS = 4


class Preconditioner:
    """An approximate inverse of every row's Hessian; it is made from where the rows stand, and wears out.

    Args:
        x: float (n, d + 1), the last column ones: the intercept's.
        penalty: float (d + 1,), the mean over all rows; 0 for the intercept.
    """

    def __init__(self, x: torch.Tensor, penalty: torch.Tensor) -> None:
        n, width = x.shape
        self._x, self._penalty = x, penalty
        self._by_dimension = n >= width and width - 1 <= _NARROW
        every = max(1, n // _SAMPLED) if n >= width else 1
        self._sampled = slice(None, None, every)
        self._times = float(every)
        self._products: torch.Tensor | None = None  # of dimensions, or of answers; no curvature in them
        self._uses = self._in_all = 0

    @property
    def worn(self) -> bool:
        """Whether it has been used so often that a new one pays."""
        enough = (self._x.shape[1] - 1) // _DIMENSIONS_PER_USE if self._by_dimension else 0
        return self._uses >= max(_FEW, enough)

    def make(self, curvature: torch.Tensor) -> None:
        """Make it from the rows' mean curvature: float (n,), 0 for answers outside every training part."""
        if not self._by_dimension and self._outworked():
            self._by_dimension, self._products = True, None
        self._uses = 0
        if self._by_dimension:
            self._make_by_dimension(curvature)
        else:
            self._make_by_answer(curvature)

    def __call__(self, residual: torch.Tensor) -> torch.Tensor:
        """Apply it to each row: float (B, d + 1) → (B, d + 1)."""
        self._uses += 1
        self._in_all += 1
        if self._by_dimension:
            solved: torch.Tensor = torch.cholesky_solve(residual.T, self._factor).T
            return solved
        scaled = residual / self._diagonal
        inner = self._root * (scaled[:, :-1] @ self._rows.T)
        outer = self._root * torch.cholesky_solve(inner.T, self._factor).T
        scaled[:, :-1] -= outer @ self._rows / self._penalty[:-1]
        return scaled

    def _outworked(self) -> bool:
        """Say whether a sample of the answers has cost more than the matrix that it was to save."""
        width = self._x.shape[1] - 1
        return self._times > 1 and width <= _WIDEST and self._in_all > width // _DIMENSIONS_PER_USE

    def _make_by_dimension(self, curvature: torch.Tensor) -> None:
        mean = curvature.mean()
        if curvature.std(correction=0) <= _EVEN * mean:
            if self._products is None:
                self._products = symmetric_product(self._x.T, self._x)
            hessian = self._products * mean
        else:
            hessian = symmetric_product((self._x * curvature[:, None]).T, self._x)
        hessian.diagonal().add_(self._penalty)
        hessian[-1, -1] += 1e-6 * hessian.diagonal().mean()
        self._factor = torch.linalg.cholesky(hessian)

    def _make_by_answer(self, curvature: torch.Tensor) -> None:
        rows = self._rows
        if self._products is None:
            self._products = symmetric_product(rows / self._penalty[:-1], rows.T)
        self._root = (curvature[self._sampled] * self._times).sqrt()
        self._diagonal = self._penalty.clone()
        self._diagonal[-1] = curvature.sum()
        core = self._products * self._root * self._root[:, None]
        core.diagonal().add_(1.0)
        self._factor = torch.linalg.cholesky(core)

    @property
    def _rows(self) -> torch.Tensor:
        return self._x[self._sampled, :-1]


def symmetric_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply (m, k) by (k, m) where the product is known to be symmetric: little more than half of it is computed."""
    size = len(left)
    product = left.new_empty((size, size))
    step = -(-size // _BLOCKS)
    for start in range(0, size, step):
        block = left[start : start + step] @ right[:, start:]
        product[start : start + step, start:] = block
        product[start:, start : start + step] = block.T
    return product
