"""The inverse of a rough Hessian for many logistic regressions on the same states: what makes their ways short.

Two forms, whichever is smaller. Through the dimensions: the mean Hessian (d, d) of all rows, factored; where that does
not bring them home, each row's own. Through the answers, by the Woodbury identity: the inner products (m, m) of the
answers, or of a sample of them where the states are wide and many. The intercept has no part in it.
"""

from __future__ import annotations

import torch

from truthmap.probes.solver.products import cholesky, gram, scores_of, solved_by, transpose_matmul

_NARROW = 1024  # dimensions; up to here the (d, d) matrix is cheap enough to start with
_ENOUGH = 1 / 3  # answers per dimension; with fewer, a matrix of answers is much smaller
_WIDEST = 8192  # dimensions; beyond, it would not fit beside the states
_SAMPLED = 1024  # answers
_TRUSTED = 0.5  # share of the curvature that a sample of the answers has its own directions for
_MOST_OWN = 2**26  # numbers, in the factors of the rows' own
_EVEN = 0.5  # spread of the curvatures, relative to their mean, up to which one number stands for them all
_HEAVY = 4.0  # times the penalty: answers that together curve the objective more leave it little to say
_ROUNDING = 1e-5  # of the mean diagonal: what keeps a factor of float32 numbers from failing
_FEW = 16  # uses after which a factor of inner products, which is cheap, is worth making anew
# The same of a (d, d) matrix, as a share of d: of one made at another C, and of one made at this C (both at d = 577).
_STALE, _WORN = 1 / 36, 1 / 9


class Preconditioner:
    """An approximate inverse of every row's Hessian; it is made from where the rows stand, and wears out.

    Args:
        x: float (n, d).
        penalty: float (B, d), of each row.
    """

    def __init__(self, x: torch.Tensor, penalty: torch.Tensor) -> None:
        n, width = x.shape
        self._x, self._penalty = x, penalty.mean(dim=0)
        self._by_dimension = n >= _ENOUGH * width and width <= _NARROW
        every = max(1, n // _SAMPLED) if n >= width else 1
        self._sampled = slice(None, None, every)
        self._times = float(every)
        self._rows = x[:0]  # the answers that are sampled
        self._plain: torch.Tensor | None = None  # products of dimensions, or of answers, without a curvature
        self._products: torch.Tensor | None = None  # of dimensions, with the last mean curvature
        self._own: torch.Tensor | None = None
        self._uses = self._in_all = self._lasts = 0
        self._at_home = False  # made at this C

    @property
    def worn(self) -> bool:
        """Whether it has been used so often that a new one pays."""
        return self.left <= 0

    @property
    def left(self) -> int:
        """How often it can be used before it is worn."""
        return max(_FEW, self._lasts) - self._uses

    def begin(self, curvature: torch.Tensor) -> None:
        """Start at a new C where the rows have curvatures (B, n): make do with what there is, if there is any."""
        self._own = None
        mean = curvature.mean(dim=0)
        if not self._by_dimension or self._products is None:
            self._make(mean)
        elif mean.sum() < _HEAVY * self._penalty.mean():
            self._factor = self._factored(self._products * (mean.mean() / self._level), self._penalty)
        # Else the penalty says little, and but for a factor, which does not matter, the last one is as good.
        self._uses, self._lasts = 0, int(_STALE * len(self._penalty)) if self._by_dimension else 0
        self._at_home = False

    def renew(self, curvature: torch.Tensor, penalty: torch.Tensor) -> None:
        """Make it from the rows that are left: curvature float (B, n), penalty float (B, d)."""
        if self._at_home and self._by_dimension and len(penalty) * penalty.shape[1] ** 2 <= _MOST_OWN:
            pairs = zip(curvature, penalty, strict=True)
            self._own = torch.stack([self._factored(self._weighted(row), own) for row, own in pairs])
        else:
            self._make(curvature.mean(dim=0))
        self._uses, self._lasts = 0, int(_WORN * len(self._penalty)) if self._by_dimension else 0
        self._at_home = True

    def take(self, rows: torch.Tensor) -> None:
        """Go on with some of the rows."""
        self._own = None if self._own is None else self._own[rows]

    @property
    def factors(self) -> torch.Tensor | None:
        """The lower factors of its inverse, (1, d, d) or (B, d, d), if it has that form."""
        if self._own is not None:
            return self._own
        return self._factor[None] if self._by_dimension else None

    def use(self, times: int = 1) -> None:
        """Count that it was used."""
        self._uses += times
        self._in_all += times

    def __call__(self, residual: torch.Tensor) -> torch.Tensor:
        """Apply it to each row: float (B, d) → (B, d)."""
        self.use()
        if self._own is not None:
            return torch.cat([solved_by(own, row[None]) for own, row in zip(self._own, residual, strict=True)])
        if self._by_dimension:
            return solved_by(self._factor, residual)
        scaled = residual / self._diagonal
        inner = self._root * scores_of(scaled, self._rows)
        outer = self._root * solved_by(self._factor, inner)
        return scaled - transpose_matmul(outer, self._rows) / self._diagonal

    def _make(self, curvature: torch.Tensor) -> None:
        if not self._by_dimension and self._outworked():
            self._by_dimension, self._plain = True, None
        if self._by_dimension:
            self._level = curvature.mean()
            self._products = self._weighted(curvature)
            self._factor = self._factored(self._products.clone(), self._penalty)
        else:
            self._make_by_answer(curvature)

    def _outworked(self) -> bool:
        """Say whether a sample of the answers has cost more than the matrix that it was to save."""
        width = len(self._penalty)
        return self._times > 1 and width <= _WIDEST and self._in_all > _WORN * width

    def _weighted(self, curvature: torch.Tensor) -> torch.Tensor:
        """Return xᵀ curvature x, with one number for curvatures that are nearly even."""
        mean = curvature.mean()
        if curvature.std(correction=0) > _EVEN * mean:
            return gram(self._x * curvature.sqrt()[:, None])
        if self._plain is None:
            self._plain = gram(self._x)
        return self._plain * mean

    def _factored(self, products: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
        diagonal = products.diagonal()
        diagonal.add_(penalty + _ROUNDING * diagonal.mean())
        return cholesky(products)

    def _make_by_answer(self, curvature: torch.Tensor) -> None:
        if self._plain is None:
            self._rows = self._x[self._sampled].contiguous()
            self._plain = gram((self._rows / self._penalty.sqrt()).T)
        # A sample makes the directions in it too steep, and leaves the others as flat as the penalty alone.
        trusted = _TRUSTED if self._times > 1 else 1.0
        flattened = 1 + (1 - trusted) * curvature.sum() / self._penalty.mean()
        self._root = (curvature[self._sampled] * self._times * trusted).sqrt()
        self._diagonal = self._penalty * flattened
        core = self._plain / flattened * self._root * self._root[:, None]
        core.diagonal().add_(1.0)
        self._factor = cholesky(core)
