"""Ridge regressions of many label vectors on the same states, each answer scored by a fit that left its fold out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from truthmap.probes.solver.products import gram


def left_out_scores(
    x: torch.Tensor, y: torch.Tensor, fold: torch.Tensor, strengths: Sequence[float]
) -> Iterator[torch.Tensor]:
    """Score each answer by a ridge regression on the other folds, intercept taken off, for each strength: (n, K) each.

    The objective is ½‖w‖² + strength · ½ Σ (y − x·w − b)². A linear fit need not be made again for each fold: what it
    says of a fold left out follows from what the fit to all answers says of that fold, ŷ, and from that fold's block of
    its hat matrix, H: y − (I − H)⁻¹ (y − ŷ) (Cook and Weisberg 1982, for one answer left out; blocks go likewise).

    Args:
        x: float (n, d), centred.
        y: float (n, K), the label vectors.
        fold: int64 (n,).
        strengths: Weights of the squares against the penalty.
    """
    n = len(x)
    parts, values = _principal(x)
    mean = y.mean(dim=0)
    projected = parts.T @ (y - mean)
    folds = [(fold == each).nonzero()[:, 0] for each in torch.unique(fold)]
    for strength in strengths:
        shrink = 1 / (values + 1 / strength)
        rest = y - mean - parts @ (shrink[:, None] * projected)
        scores = torch.empty_like(y)
        for left_out in folds:
            here = parts[left_out]
            hat = (here * shrink) @ here.T + 1 / n
            others = (n * mean - y[left_out].sum(dim=0)) / (n - len(left_out))
            identity = torch.eye(len(left_out), dtype=x.dtype, device=x.device)
            scores[left_out] = y[left_out] - torch.linalg.solve(identity - hat, rest[left_out]) - others
        yield scores


def _principal(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn x (n, d) to its principal axes: float (n, r), r the lesser of both; give their squared lengths (r,), too."""
    if len(x) < x.shape[1]:
        values, axes = torch.linalg.eigh(gram(x.T))
        values = values.clamp(min=0)
        return axes * values.sqrt(), values
    parts = x @ torch.linalg.eigh(gram(x))[1]
    return parts, parts.square().sum(dim=0)
