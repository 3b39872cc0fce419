"""Fitting the weights: the probe of one cell, or a stack of the probes of several, and both without one fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import AnyArray, Bools, Floats, Floats32, Ints
from truthmap.probes.cross_validation import best_on_path, out_of_fold, out_of_fold_path
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.linear import fit_probe


@dataclass(frozen=True)
class Readout:
    """Weights for raw states, and how they score answers that they were not fitted to.

    Attributes:
        weight: float64 (K, d); standardising is folded in.
        bias: float.
        held_out: float64 (n,), log-odds from fits without the answer's fold; NaN in the test part.
        stack_c: The inverse strength of regularisation of the second level; `None` of one cell, which has none.
    """

    weight: Floats
    bias: float
    held_out: Floats
    stack_c: float | None


def fit_readout(
    states: Floats32, right: Bools, fold: Ints, cs: tuple[float, ...], stack_c: float | None = None
) -> Readout:
    """Fit K cells on the answers outside the test part.

    Several cells are stacked (Wolpert 1992): a second logistic regression weighs the out-of-fold scores of their
    probes. Both levels are linear, so that the result is one weight vector per cell.

    Args:
        states: float32 (n, K, d).
        right: bool (n,).
        fold: int64 (n,), -1 in the test part.
        cs: The inverse strength of regularisation of each cell.
        stack_c: That of the second level, as it was measured; by default it is chosen by cross-validation.

    Raises:
        NotEnoughDataError: all answers outside a fold are right, or all are wrong.
    """
    known = fold >= 0
    y, folds = right[known], fold[known]
    probes = [_fit(states[known, k], y, c) for k, c in enumerate(cs)]
    scores = [out_of_fold(_tensor(states[known, k]), y, folds, c) for k, c in enumerate(cs)]
    if len(cs) == 1:
        return Readout(probes[0].weight[None], probes[0].bias, _everywhere(scores[0], known), None)
    features = np.stack(scores, axis=1)
    c = _choose_c(features, y, folds) if stack_c is None else stack_c
    top = _fit(features, y, c)
    return Readout(
        weight=np.stack([share * probe.weight for share, probe in zip(top.weight, probes, strict=True)]),
        bias=top.bias + float(top.weight @ np.array([probe.bias for probe in probes])),
        held_out=_everywhere(out_of_fold(_tensor(features), y, folds, c), known),
        stack_c=c,
    )


@dataclass(frozen=True)
class _Raw:
    """A linear score of raw features: float64 (d,) and a number."""

    weight: Floats
    bias: float


def _fit(features: AnyArray, right: Bools, c: float) -> _Raw:
    probe = fit_probe(_tensor(features), right, c)
    return _Raw(probe.raw_weight, probe.raw_bias)


def _choose_c(features: Floats, right: Bools, fold: Ints) -> float:
    """Choose the second level's C as a run does when it stacks cells: by the out-of-fold AUC."""
    path = out_of_fold_path(_tensor(features), right, fold, GridSettings.cs)
    return best_on_path(path, right).c


def _everywhere(scores: Floats, known: Bools) -> Floats:
    spread: Floats = np.full(len(known), np.nan)
    spread[known] = scores
    return spread


def _tensor(features: AnyArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(features))
