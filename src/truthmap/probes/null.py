"""The permutation null of the whole map: how high shuffled labels get, anywhere.

A map shows the best of hundreds of cells, so each cell is compared with the *largest* AUC that a grid of shuffled
labels reaches (Westfall and Young 1993; Nichols and Holmes, Human Brain Mapping 2002): the p-values are corrected for
looking at all cells, for choosing C in each, and for whatever the cells share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from truthmap.probes.cells import CellStates, cross_validate
from truthmap.probes.precondition import symmetric_product
from truthmap.probes.scores import round_scores

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


def shuffled_labels(y: Bools, group: Sequence[str], n_permutations: int, seed: int) -> Bools:
    """Give permuted copies of y (n,): bool (n_permutations, n).

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
    """Give the AUC that each row of shuffled labels reaches in a cell, at the best C: float64 (K,).

    Args:
        cell: The cell's states and training parts.
        shuffled: bool (K, n). A row with one outcome only in a training part gets 0.5.
        cs: Values of C.
        exact: Fit every probe to its optimum. Otherwise each takes the first Newton step only, from the model that
            knows nothing but the base rate: on labels that mean nothing the further steps change single AUCs by about
            0.01 and their distribution by less (docs/grid.md has the figures), at a hundredth of the price.
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
        found[number, usable] = _row_aucs(scores, rows)
    return np.asarray(found.max(axis=0))


def max_null(per_cell: Sequence[Floats]) -> Floats:
    """Give the largest AUC on the whole map for each permutation: cells of float64 (K,) → (K,)."""
    return np.asarray(np.max(np.stack(per_cell), axis=0))


def corrected_p_values(auc: Floats, null: Floats) -> Floats:
    """Give the share of permutations whose largest AUC anywhere is at least this one's, itself counted in.

    auc: any shape, NaN stays NaN; null: float64 (K,). The smallest p-value is 1 / (K + 1) (Phipson and Smyth 2010).
    """
    beaten_by = len(null) - np.searchsorted(np.sort(null), auc.ravel(), side="left").reshape(auc.shape)
    return np.where(np.isfinite(auc), (1 + beaten_by) / (1 + len(null)), np.nan)


@torch.inference_mode()
def _first_steps(cell: CellStates, shuffled: Bools, cs: Sequence[float]) -> list[Floats]:
    """Score the answers left out by probes of one Newton step, for each C from below: float64 (K, n) each.

    From weights of zero and the base rate as intercept all answers have the same curvature, so one factorisation serves
    all label vectors, and the step is that of a ridge regression.
    """
    labels = torch.from_numpy(shuffled).to(cell.x)
    scores = [cell.x.new_zeros(labels.shape) for _ in cs]
    for part, (member, scale) in enumerate(zip(cell.member > 0, cell.scale, strict=True)):
        left_out = cell.held_out == part
        here = cell.x[member] / scale
        centre = here.mean(dim=0)
        here, there = here - centre, cell.x[left_out] / scale - centre
        base = labels[:, member].mean(dim=1, keepdim=True)
        pull = (labels[:, member] - base).T
        ridge = _by_answer if len(here) < here.shape[1] else _by_dimension
        curvature = float((base * (1 - base)).mean())
        for number, found in enumerate(ridge(here, there, pull, [c * curvature for c in sorted(cs)])):
            scores[number][:, left_out] = found.T
    return [piece.double().cpu().numpy() for piece in scores]


def _by_dimension(
    here: torch.Tensor, there: torch.Tensor, pull: torch.Tensor, strengths: Sequence[float]
) -> Iterator[torch.Tensor]:
    """Give ridge regressions' scores of `there` (m, d) from `here` (n, d), but for a factor: (m, K) each."""
    products = symmetric_product(here.T, here)
    pulled = here.T @ pull
    for strength in strengths:
        yield there @ torch.cholesky_solve(pulled, _factor(products, strength))


def _by_answer(
    here: torch.Tensor, there: torch.Tensor, pull: torch.Tensor, strengths: Sequence[float]
) -> Iterator[torch.Tensor]:
    """Give the same where the answers are fewer than the dimensions, from their inner products."""
    products, across = symmetric_product(here, here.T), there @ here.T
    for strength in strengths:
        yield across @ torch.cholesky_solve(pull, _factor(products, strength))


def _factor(products: torch.Tensor, strength: float) -> torch.Tensor:
    penalised = products * strength
    penalised.diagonal().add_(1.0)
    factor: torch.Tensor = torch.linalg.cholesky(penalised)
    return factor


def _row_aucs(scores: Floats, y: Bools) -> Floats:
    """Give the AUC of each row of scores (K, n) for its own labels (K, n)."""
    ranks = rankdata(round_scores(scores), axis=1)
    n_right = y.sum(axis=1)
    wins = (ranks * y).sum(axis=1) - n_right * (n_right + 1) / 2
    return np.asarray(wins / (n_right * (y.shape[1] - n_right)), dtype=np.float64)
