"""The matrix products that fitting needs, each on the fastest way that the device has for its shape."""

from __future__ import annotations

import torch

from truthmap.probes.solver import kernels

_FEW = 10  # rows; with more, a BLAS is as fast as the compiled loops (measured at n = 1,167, d = 577)
_STACKED = 3  # axes of the states of several cells
_BLOCK = 128  # columns of a symmetric product that are computed together


def matmul_transpose(weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Multiply weight (B, d) by x (n, d) transposed: (B, n), the scores of rows of weights.

    Of S cells at once x is (S, n, d), and the rows are those of all cells, cell by cell; likewise below.
    """
    if x.ndim == _STACKED:
        return torch.bmm(weight.reshape(len(x), -1, x.shape[2]), x.mT).flatten(0, 1)
    # One row is read at the speed of the memory either way, and a BLAS has threads for it.
    if not 1 < len(weight) <= _FEW or not compiles(x):
        return weight @ x.T
    rows = weight.contiguous()
    out = rows.new_empty((len(rows), len(x)))
    kernels.matmul_transpose(rows.numpy(), x.numpy(), out.numpy())
    return out


def transpose_matmul(by_answer: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Multiply by_answer (B, n) by x (n, d): (B, d)."""
    if x.ndim == _STACKED:
        return torch.bmm(by_answer.reshape(len(x), -1, x.shape[1]), x).flatten(0, 1)
    if not 1 < len(by_answer) <= _FEW or not compiles(x):
        return by_answer @ x
    rows = by_answer.contiguous()
    out = rows.new_empty((len(rows), x.shape[1]))
    kernels.transpose_matmul(rows.numpy(), x.numpy(), out.numpy())
    return out


def cholesky_solve(factor: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Solve factor · factorᵀ · row = target for each row; factor (d, d) is lower triangular, target (B, d)."""
    if len(target) > _FEW or not compiles(factor):
        solved: torch.Tensor = torch.cholesky_solve(target.T, factor).T
        return solved
    rows = target.contiguous()
    out = torch.empty_like(rows)
    kernels.cholesky_solve(factor.numpy(), rows.numpy(), out.numpy())
    return out


def gram(x: torch.Tensor) -> torch.Tensor:
    """Return xᵀx (d, d) of x (n, d): little more than its lower triangle is computed, and what is not is 0."""
    product = x.new_zeros((x.shape[1], x.shape[1]))
    for start in range(0, x.shape[1], _BLOCK):
        product[start:, start : start + _BLOCK] = x[:, start:].T @ x[:, start : start + _BLOCK]
    return product


def cholesky(symmetric: torch.Tensor) -> torch.Tensor:
    """Return the lower factor, row after row, of a matrix (d, d) of which only the lower triangle is read."""
    # LAPACK's would be half as fast again through SciPy, but holds up every other thread that runs Python.
    factor: torch.Tensor = torch.linalg.cholesky(symmetric)
    return factor.contiguous()


def compiles(x: torch.Tensor) -> bool:
    """Say whether the compiled loops can work on a tensor."""
    return x.device.type == "cpu" and x.ndim < _STACKED and x.dtype == torch.float32 and x.is_contiguous()
