"""The permutation null of the whole map: how high shuffled labels get, anywhere.

A map shows the best of hundreds of cells, so each cell is compared with the *largest* AUC that a grid of shuffled
labels reaches (Westfall and Young 1993; Nichols and Holmes, Human Brain Mapping 2002): the p-values are corrected for
looking at all cells, for choosing C in each, and for whatever the cells share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from truthmap.arrays import Bools, Floats
from truthmap.metrics.auc import auc_rowwise
from truthmap.probes.cross_validation import CellStates, cross_validate
from truthmap.probes.solver.products import gram


def shuffled_labels(y: Bools, group: Sequence[str], n_permutations: int, seed: int) -> Bools:
    """Return permuted copies of y (n,): bool (n_permutations, n).

    Labels of one group stay together: they change places with those of another group of the same size.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(group):
        members[name].append(row)
    by_size: dict[int, list[list[int]]] = defaultdict(list)
    for rows in members.values():
        by_size[len(rows)].append(rows)
    shuffled = np.empty((n_permutations, len(y)), dtype=bool)
    for number in range(n_permutations):
        random = np.random.default_rng([seed, number])  # more permutations change none of the first
        for size in sorted(by_size):
            places = np.array(by_size[size])
            shuffled[number, places] = y[random.permutation(places)]
    return shuffled


def null_aucs(cell: CellStates, shuffled: Bools, cs: Sequence[float], *, exact: bool = False) -> Floats:
    """Return the AUC that each row of shuffled labels reaches in a cell, at the best C: float64 (K,).

    Args:
        cell: The cell's states and training parts.
        shuffled: bool (K, n). A row with one outcome only in a training part gets 0.5.
        cs: Values of C.
        exact: Fit every probe to its optimum. Otherwise each takes the first Newton step only, from the model that
            knows nothing but the base rate: on labels that mean nothing the further steps change single AUCs by about
            0.01 and their distribution by less (docs/grid.md has the figures), at a fortieth of the price or less.
    """
    found: Floats = np.full((len(cs), len(shuffled)), 0.5)
    member = cell.member.cpu().numpy() > 0
    counts = shuffled.astype(np.float64) @ member.T
    usable = ((counts > 0) & (counts < member.sum(axis=1))).all(axis=1) & shuffled.any(axis=1) & ~shuffled.all(axis=1)
    if not usable.any():
        return np.asarray(found.max(axis=0))
    rows = shuffled[usable]
    paths = (left_out.scores for left_out in cross_validate(cell, rows, cs)) if exact else _first_steps(cell, rows, cs)
    for number, scores in enumerate(paths):
        found[number, usable] = auc_rowwise(scores, rows)
    return np.asarray(found.max(axis=0))


def max_null(per_cell: Sequence[Floats]) -> Floats:
    """Return the largest AUC on the whole map for each permutation: cells of float64 (K,) → (K,)."""
    return np.asarray(np.max(np.stack(per_cell), axis=0))


def corrected_p_values(auc: Floats, null: Floats) -> Floats:
    """Return the share of permutations whose largest AUC anywhere is at least this one's, itself counted in.

    auc: any shape, NaN stays NaN; null: float64 (K,). The smallest p-value is 1 / (K + 1) (Phipson and Smyth 2010).
    """
    beaten_by = len(null) - np.searchsorted(np.sort(null), auc.ravel(), side="left").reshape(auc.shape)
    return np.where(np.isfinite(auc), (1 + beaten_by) / (1 + len(null)), np.nan)


@torch.inference_mode()
def _first_steps(cell: CellStates, shuffled: Bools, cs: Sequence[float]) -> Iterator[Floats]:
    """Score the answers left out by probes of one Newton step, for each C from below: float64 (K, n) each.

    From weights of zero and the base rate as intercept all answers have the same curvature, so the step is that of a
    ridge regression of the labels.
    """
    y = torch.from_numpy(shuffled.T).to(cell.x)
    base = y.mean(dim=0)
    curvature = float((base * (1 - base)).mean())
    centred = cell.x - cell.x.mean(dim=0)
    for scores in ridge_left_out(centred, y, cell.held_out, [c * curvature for c in sorted(cs)]):
        yield scores.T.double().cpu().numpy()


def ridge_left_out(
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
