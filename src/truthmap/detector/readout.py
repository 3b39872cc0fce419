"""Fitting the weights: the probe of one cell, or a stack of the probes of several, and both without one fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import AnyArray, Bools, Floats, Floats32, Ints
from truthmap.probes.linear import fit_probe

_STACK_C = 1.0  # a handful of scores needs next to no regularisation


@dataclass(frozen=True)
class Readout:
    """Weights for raw states, and how they score answers that they were not fitted to.

    Attributes:
        weight: float64 (K, d); standardising is folded in.
        bias: float.
        held_out: float64 (n,), log-odds from fits without the answer's fold; NaN in the test part.
    """

    weight: Floats
    bias: float
    held_out: Floats


def fit_readout(states: Floats32, right: Bools, fold: Ints, cs: tuple[float, ...]) -> Readout:
    """Fit K cells on the answers outside the test part.

    Several cells are stacked (Wolpert 1992): a second logistic regression weighs the out-of-fold scores of their
    probes. Both levels are linear, so that the result is one weight vector per cell.

    Args:
        states: float32 (n, K, d).
        right: bool (n,).
        fold: int64 (n,), -1 in the test part.
        cs: The inverse strength of regularisation of each cell.

    Raises:
        NotEnoughDataError: all answers outside a fold are right, or all are wrong.
    """
    known = fold >= 0
    probes = [_fit(states[known, k], right[known], c) for k, c in enumerate(cs)]
    scores = np.stack([_held_out(states[:, k], right, fold, c) for k, c in enumerate(cs)], axis=1)
    if len(cs) == 1:
        return Readout(probes[0].weight[None], probes[0].bias, scores[:, 0])
    top = _fit(scores[known], right[known], _STACK_C)
    return Readout(
        weight=np.stack([share * probe.weight for share, probe in zip(top.weight, probes, strict=True)]),
        bias=top.bias + float(top.weight @ np.array([probe.bias for probe in probes])),
        held_out=_held_out(scores, right, fold, _STACK_C),
    )


@dataclass(frozen=True)
class _Raw:
    """A linear score of raw features: float64 (d,) and a number."""

    weight: Floats
    bias: float


def _fit(features: AnyArray, right: Bools, c: float) -> _Raw:
    probe = fit_probe(torch.from_numpy(np.ascontiguousarray(features)), right, c)
    weight = probe.weight / probe.scale
    return _Raw(weight, probe.bias - float(weight @ probe.mean))


def _held_out(features: AnyArray, right: Bools, fold: Ints, c: float) -> Floats:
    """Score each answer by a fit that did not see its fold: features (n, d) → float64 (n,), NaN in the test part."""
    scores = np.full(len(features), np.nan)
    for held in np.unique(fold[fold >= 0]):
        rest = (fold >= 0) & (fold != held)
        fitted = _fit(features[rest], right[rest], c)
        scores[fold == held] = features[fold == held].astype(np.float64) @ fitted.weight + fitted.bias
    return scores
