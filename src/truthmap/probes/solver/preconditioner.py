"""The inverse of a rough Hessian for many logistic regressions on the same states: what keeps their steps few.

Two forms, whichever is smaller. Through the dimensions: the mean Hessian (d, d) of all rows, factored; where that does
not bring them home, each row's own. Through the answers, by the Woodbury identity: the inner products (m, m) of the
answers, or of a sample of them where the states are wide and many. The intercept has no part in it.
"""

from __future__ import annotations

import torch

from truthmap.probes.solver.products import cholesky, cholesky_solve, gram, matmul_transpose, transpose_matmul

_NARROW = 1024  # dimensions; up to here the (d, d) matrix is cheap enough to start with
_ENOUGH = 1 / 3  # answers per dimension; with fewer, a matrix of answers is much smaller
_WIDEST = 8192  # dimensions; beyond, it would not fit beside the states
_SAMPLED = 1024  # answers
_TRUSTED = 0.5  # share of the curvature that a sample of the answers has its own directions for
_MOST_OWN = 2**26  # numbers, in the factors of the rows' own
_EVEN = 0.5  # spread of the curvatures, relative to their mean, up to which one number stands for them all
_HEAVY = 4.0  # times the penalty: answers that together curve the objective more leave it little to say
ROUNDING = 1e-5  # of the mean diagonal: what keeps a factor of float32 numbers from failing
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
        self._per_sampled = float(every)
        self._rows = x[:0]  # the answers that are sampled
        self._unweighted: torch.Tensor | None = None  # products of dimensions, or of answers, without a curvature
        self._weighted_gram: torch.Tensor | None = None  # of dimensions, with the last mean curvature
        self._own_factors: torch.Tensor | None = None
        self._uses = self._uses_in_all = self._lifetime = 0
        self._made_at_this_c = False  # made at this C

    @property
    def worn(self) -> bool:
        """Whether it has been used so often that a new one pays."""
        return self.left <= 0

    @property
    def left(self) -> int:
        """How often it can be used before it is worn."""
        return max(_FEW, self._lifetime) - self._uses

    def begin(self, curvature: torch.Tensor) -> None:
        """Start at a new C where the rows have curvatures (B, n): make do with what there is, if there is any."""
        self._own_factors = None
        mean = curvature.mean(dim=0)
        if not self._by_dimension or self._weighted_gram is None:
            self._make(mean)
        elif mean.sum() < _HEAVY * self._penalty.mean():
            self._factor = self._factored(self._weighted_gram * (mean.mean() / self._mean_curvature), self._penalty)
        # Else the penalty says little, and but for a factor, which does not matter, the last one is as good.
        self._uses, self._lifetime = 0, int(_STALE * len(self._penalty)) if self._by_dimension else 0
        self._made_at_this_c = False

    def renew(self, curvature: torch.Tensor, penalty: torch.Tensor) -> None:
        """Make it from the rows that are left: curvature float (B, n), penalty float (B, d)."""
        if self._made_at_this_c and self._by_dimension and len(penalty) * penalty.shape[1] ** 2 <= _MOST_OWN:
            pairs = zip(curvature, penalty, strict=True)
            self._own_factors = torch.stack([self._factored(self._weighted(row), own) for row, own in pairs])
        else:
            self._make(curvature.mean(dim=0))
        self._uses, self._lifetime = 0, int(_WORN * len(self._penalty)) if self._by_dimension else 0
        self._made_at_this_c = True

    def take(self, rows: torch.Tensor) -> None:
        """Go on with some of the rows."""
        self._own_factors = None if self._own_factors is None else self._own_factors[rows]

    @property
    def factors(self) -> torch.Tensor | None:
        """The lower factors of its inverse, (1, d, d) or (B, d, d), if it has that form."""
        if self._own_factors is not None:
            return self._own_factors
        return self._factor[None] if self._by_dimension else None

    def use(self, times: int = 1) -> None:
        """Count that it was used."""
        self._uses += times
        self._uses_in_all += times

    def __call__(self, residual: torch.Tensor) -> torch.Tensor:
        """Apply it to each row: float (B, d) → (B, d)."""
        self.use()
        if self._own_factors is not None:
            return torch.cat(
                [cholesky_solve(own, row[None]) for own, row in zip(self._own_factors, residual, strict=True)]
            )
        if self._by_dimension:
            return cholesky_solve(self._factor, residual)
        scaled = residual / self._diagonal
        inner = self._root * matmul_transpose(scaled, self._rows)
        outer = self._root * cholesky_solve(self._factor, inner)
        return scaled - transpose_matmul(outer, self._rows) / self._diagonal

    def _make(self, curvature: torch.Tensor) -> None:
        if not self._by_dimension and self._sample_costs_more():
            self._by_dimension, self._unweighted = True, None
        if self._by_dimension:
            self._mean_curvature = curvature.mean()
            self._weighted_gram = self._weighted(curvature)
            self._factor = self._factored(self._weighted_gram.clone(), self._penalty)
        else:
            self._make_by_answer(curvature)

    def _sample_costs_more(self) -> bool:
        """Say whether a sample of the answers has cost more than the matrix that it was to save."""
        width = len(self._penalty)
        return self._per_sampled > 1 and width <= _WIDEST and self._uses_in_all > _WORN * width

    def _weighted(self, curvature: torch.Tensor) -> torch.Tensor:
        """Return xᵀ curvature x, with one number for curvatures that are nearly even."""
        mean = curvature.mean()
        if curvature.std(correction=0) > _EVEN * mean:
            return gram(self._x * curvature.sqrt()[:, None])
        if self._unweighted is None:
            self._unweighted = gram(self._x)
        return self._unweighted * mean

    def _factored(self, products: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
        diagonal = products.diagonal()
        diagonal.add_(penalty + ROUNDING * diagonal.mean())
        return cholesky(products)

    def _make_by_answer(self, curvature: torch.Tensor) -> None:
        if self._unweighted is None:
            self._rows = self._x[self._sampled].contiguous()
            self._unweighted = gram((self._rows / self._penalty.sqrt()).T)
        # A sample makes the directions in it too steep, and leaves the others as flat as the penalty alone.
        trusted = _TRUSTED if self._per_sampled > 1 else 1.0
        flattened = 1 + (1 - trusted) * curvature.sum() / self._penalty.mean()
        self._root = (curvature[self._sampled] * self._per_sampled * trusted).sqrt()
        self._diagonal = self._penalty * flattened
        core = self._unweighted / flattened * self._root * self._root[:, None]
        core.diagonal().add_(1.0)
        self._factor = cholesky(core)
