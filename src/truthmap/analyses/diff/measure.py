"""Whether two maps differ, cell by cell, corrected for looking at all cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.stats import norm

from truthmap.arrays import Bools, Floats
from truthmap.metrics.auc import placements, round_scores
from truthmap.metrics.estimate import Estimate
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.records import RowKey, Site
from truthmap.seeding import seed_from

DRAWS = 4000
"""Draws of the multiplier bootstrap: a corrected p-value of 0.05 then has a standard error of 0.0035."""

LEVEL = 0.05


@dataclass(frozen=True)
class MapScores:
    """What the probes of a map say of answers that they have not seen.

    Attributes:
        ids: Keys of n rows.
        groups: What belongs together, n names.
        y: bool (n,), whether each answer is right.
        scores: float (L, P, n), higher means right; NaN where an answer lacks the position or a cell has no probe.
    """

    ids: tuple[RowKey, ...]
    groups: tuple[str, ...]
    y: Bools
    scores: np.ndarray[Any, np.dtype[np.floating[Any]]]


@dataclass(frozen=True)
class CellDifferences:
    """The second map minus the first; arrays are float64 (L, P), NaN where one of them has no probe.

    Attributes:
        first, second: The AUCs.
        difference, low, high: With the pointwise 95 % interval.
        p_value: Pointwise, two-sided.
        p_corrected: Corrected for all cells: how often the largest |z| of maps that do not differ reaches this one.
        mean: The mean difference over all cells.
    """

    first: Floats
    second: Floats
    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats
    p_corrected: Floats
    mean: Estimate


class MapSide(BaseModel):
    """One of the two maps.

    Attributes:
        name, model, questions, site: Whose it is.
        answers: How many answers of train + validation it learned from and was scored on.
        of: How many the run has; more than `answers` where it was fitted anew on as many as the other map has.
        right: Share of right ones among `answers`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    model: str
    questions: str
    site: Site
    answers: int
    of: int | None = None
    right: float


class MapDifference(BaseModel):
    """Two maps of the same shape and their difference, second minus first.

    Attributes:
        first, second: The maps.
        both: Questions that are answered and scored in both, and so compared pairwise.
        cells: Cells that have a probe in both.
        higher, lower: Cells where the second is significantly higher or lower, at `LEVEL`, corrected for all cells.
        mean: Mean difference over the cells.
        positions: What axis P of the maps holds.
        layer, position: The cell of the largest difference in size, relative to its error.
        largest: The difference there.
        largest_p: Its corrected p-value.
        auc_first, auc_second: float (L, P), the maps; `None` where a cell has no probe.
        difference, p_corrected: float (L, P).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    first: MapSide
    second: MapSide
    both: int
    cells: int
    higher: int
    lower: int
    mean: Estimate
    positions: tuple[Position, ...] = LEGACY_POSITIONS
    layer: int
    position: Position
    largest: Estimate
    largest_p: float
    auc_first: tuple[tuple[float | None, ...], ...]
    auc_second: tuple[tuple[float | None, ...], ...]
    difference: tuple[tuple[float | None, ...], ...]
    p_corrected: tuple[tuple[float | None, ...], ...]


def compare_maps(first: MapScores, second: MapScores) -> CellDifferences:
    """Compare two maps of the same shape; answers to the same question are paired, whatever their outcomes.

    An AUC is, but for terms that vanish faster, a sum with one term per answer (its placement value, as in DeLong et
    al. 1988). The difference of two AUCs then is a sum over questions (over groups of them, where they belong
    together), and its variance the sum of the squared terms: for one set of labels this is the paired test of DeLong,
    and it holds as well where the two maps' answers, outcomes or questions differ. The largest |z| over all cells is
    compared with that of sums with random signs of the terms (multiplier bootstrap, Chernozhukov et al., Annals of
    Statistics 2013), which keeps the dependence between cells.

    The probes are taken as they are: that other training answers would give other probes is not in the error.
    """
    groups = {group: n for n, group in enumerate(dict.fromkeys((*first.groups, *second.groups)))}
    one, other = _terms(first, groups), _terms(second, groups)
    terms = other.terms - one.terms  # (cells, groups)
    known = np.isfinite(one.auc) & np.isfinite(other.auc)
    error = np.sqrt((terms**2).sum(axis=1))
    difference = other.auc - one.auc
    z = _ratio(difference, error, known)
    half = norm.ppf(0.975) * error
    shape = first.scores.shape[:2]
    mean_terms = terms[known].mean(axis=0)
    mean, mean_half = float(difference[known].mean()), float(norm.ppf(0.975) * np.sqrt((mean_terms**2).sum()))
    return CellDifferences(
        first=one.auc.reshape(shape),
        second=other.auc.reshape(shape),
        difference=difference.reshape(shape),
        low=(difference - half).reshape(shape),
        high=(difference + half).reshape(shape),
        p_value=np.where(known, 2 * norm.sf(np.abs(z)), np.nan).reshape(shape),
        p_corrected=_corrected(terms, error, z, known).reshape(shape),
        mean=Estimate(value=mean, low=mean - mean_half, high=mean + mean_half, n=len({*first.ids, *second.ids})),
    )


@dataclass(frozen=True)
class _Terms:
    """AUCs float64 (cells,), and each group's term in them, float64 (cells, groups)."""

    auc: Floats
    terms: Floats


def _terms(scores: MapScores, groups: dict[str, int]) -> _Terms:
    flat = scores.scores.reshape(-1, scores.scores.shape[-1]).astype(np.float64)
    auc, terms = np.full(len(flat), np.nan), np.zeros((len(flat), len(groups)))
    column = np.array([groups[group] for group in scores.groups])
    patterns: dict[bytes, list[int]] = {}
    for cell, row in enumerate(np.isfinite(flat)):
        patterns.setdefault(row.tobytes(), []).append(cell)
    for cells in patterns.values():
        present = np.isfinite(flat[cells[0]])
        y = scores.y[present]
        n_right, n_wrong = int(y.sum()), int((~y).sum())
        if min(n_right, n_wrong) < 2:
            continue
        placed = placements(round_scores(flat[cells][:, present]), y)
        auc[cells] = placed.auc
        own = np.zeros((len(cells), len(y)))
        # n - 1 for n, as DeLong's variances have it.
        own[:, y] = (placed.right - placed.auc[:, None]) / np.sqrt(n_right * (n_right - 1))
        own[:, ~y] = (placed.wrong - placed.auc[:, None]) / np.sqrt(n_wrong * (n_wrong - 1))
        summed = np.zeros((len(groups), len(cells)))
        np.add.at(summed, column[present], own.T)
        terms[cells] = summed.T
    return _Terms(auc, terms)


def _corrected(terms: Floats, error: Floats, z: Floats, known: Bools) -> Floats:
    """Return the p-values of |z| against the largest |z| of maps that do not differ."""
    usable = known & (error > 0)
    corrected = np.where(known, 1.0, np.nan)
    if usable.any():
        scaled = terms[usable] / error[usable, None]
        generator = np.random.default_rng(seed_from("diff"))
        signs = generator.choice([-1.0, 1.0], size=(terms.shape[1], DRAWS))
        largest = np.sort(np.abs(scaled @ signs).max(axis=0))
        above = DRAWS - np.searchsorted(largest, np.abs(z[usable]))
        corrected[usable] = (1 + above) / (1 + DRAWS)
    corrected[known & (error == 0) & (z != 0)] = 0.0
    return corrected


def _ratio(difference: Floats, error: Floats, known: Bools) -> Floats:
    z = np.full(len(difference), np.nan)
    z[known] = 0.0
    sure = known & (error > 0)
    z[sure] = difference[sure] / error[sure]
    z[known & (error == 0) & (difference != 0)] = np.inf
    return z


def rows_of(values: Floats) -> tuple[tuple[float | None, ...], ...]:
    """Return an array (L, P) as plain numbers, `None` for NaN."""
    return tuple(tuple(None if np.isnan(v) else float(v) for v in row) for row in values)


def array_of(rows: Sequence[Sequence[float | None]]) -> Floats:
    """Return back the array (L, P) that `rows_of` was given."""
    return np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=np.float64)
