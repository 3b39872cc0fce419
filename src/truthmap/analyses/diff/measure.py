"""Whether two maps differ, cell by cell, corrected for looking at all cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.stats import norm

from truthmap.analyses.base import AnalysisResult
from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import placements, round_scores
from truthmap.metrics.auc_terms import GroupTerms, terms_of
from truthmap.metrics.clusters import group_numbers
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.paired_auc import DifferenceTest, difference_test
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.records import RowKey, Site
from truthmap.seeding import seed_from
from truthmap.shown import ShortRepr

DRAWS = 4000
"""Draws of the multiplier bootstrap: a corrected p-value of 0.05 then has a standard error of 0.0035."""

LEVEL = 0.05


@dataclass(frozen=True, repr=False)
class MapScores(ShortRepr):
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


@dataclass(frozen=True, repr=False)
class CellDifferences(ShortRepr):
    """The second map minus the first; arrays are float64 (L, P), NaN where one of them has no probe.

    Attributes:
        first, second: The AUCs.
        difference, low, high: With the pointwise 95 % interval.
        p_value: Pointwise, two-sided; NaN where a cell has too few groups of answers for a test.
        p_corrected: Corrected for all cells: how often the largest absolute z of like maps reaches this one.
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


class MapDifference(AnalysisResult, BaseModel):
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
        in_one_only: Positions that one of the maps has and the other has not: they are left out.
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
    in_one_only: tuple[Position, ...] = ()


def compare_maps(first: MapScores, second: MapScores) -> CellDifferences:
    """Compare two maps of the same shape; answers to the same question are paired, whatever their outcomes.

    An AUC is, but for terms that vanish faster, a sum with one term per answer (its placement value, as in DeLong et
    al. 1988). The difference of two AUCs then is a sum over questions (over groups of them, where they belong
    together), and its variance the sum of the squared terms: for one set of labels this is the paired test of DeLong,
    and it holds as well where the two maps' answers, outcomes or questions differ. The largest absolute z anywhere is
    compared with that of sums with random signs of the terms (multiplier bootstrap, Chernozhukov et al., Annals of
    Statistics 2013), which keeps the dependence between cells.

    The probes are taken as they are: that other training answers would give other probes is not in the error.

    Raises:
        NotEnoughDataError: no cell has a probe in both.
    """
    number = group_numbers((*first.groups, *second.groups), len(first.groups) + len(second.groups))
    n_groups = int(number.max()) + 1
    one = _cell_terms(first, number[: len(first.groups)], n_groups)
    other = _cell_terms(second, number[len(first.groups) :], n_groups)
    known = np.isfinite(one.auc) & np.isfinite(other.auc)
    if not known.any():
        raise NotEnoughDataError("no cell has a probe in both maps: too few answers; ask more questions")
    difference = np.where(known, other.auc - one.auc, 0.0)
    terms = _apart(one.terms, other.terms)  # (cells, groups)
    found = difference_test(difference, terms)
    shape = first.scores.shape[:2]
    mean = difference[known].mean(keepdims=True)
    mean_test = difference_test(mean, _mean_terms(terms, known))
    return CellDifferences(
        first=one.auc.reshape(shape),
        second=other.auc.reshape(shape),
        difference=np.where(known, difference, np.nan).reshape(shape),
        low=np.where(known, found.low, np.nan).reshape(shape),
        high=np.where(known, found.high, np.nan).reshape(shape),
        p_value=np.where(known, found.p_value, np.nan).reshape(shape),
        p_corrected=np.where(known, _corrected(terms.both, found), np.nan).reshape(shape),
        mean=Estimate(
            value=float(mean[0]),
            low=float(mean_test.low[0]),
            high=float(mean_test.high[0]),
            n=len({*first.ids, *second.ids}),
        ),
    )


@dataclass(frozen=True)
class _CellTerms:
    """AUCs float64 (cells,), NaN where a cell has too few answers, and each group's terms in them."""

    auc: Floats
    terms: GroupTerms


def _cell_terms(scores: MapScores, number: Ints, n_groups: int) -> _CellTerms:
    """Return the AUCs of a map and their terms: number int64 (n,) is the group of each answer."""
    flat = scores.scores.reshape(-1, scores.scores.shape[-1]).astype(np.float64)
    auc, counts = np.full(len(flat), np.nan), np.ones((2, len(flat)))
    right, wrong = np.zeros((2, len(flat), n_groups))
    patterns: dict[bytes, list[int]] = {}
    for cell, row in enumerate(np.isfinite(flat)):
        patterns.setdefault(row.tobytes(), []).append(cell)
    for cells in patterns.values():
        present = np.isfinite(flat[cells[0]])
        y = scores.y[present]
        if min(int(y.sum()), int((~y).sum())) < 2:
            continue
        placed = placements(round_scores(flat[cells][:, present]), y)
        own = terms_of(placed, y, number[present])
        auc[cells], counts[:, cells] = placed.auc, (own.n_right, own.n_wrong)
        right[cells, : own.right.shape[1]], wrong[cells, : own.wrong.shape[1]] = own.right, own.wrong
    return _CellTerms(auc, GroupTerms(right, wrong, *counts))


def _apart(one: GroupTerms, other: GroupTerms) -> GroupTerms:
    """Return the terms of the second's AUCs minus the first's; they rest on as many groups as the poorer map has."""
    return GroupTerms(
        other.right - one.right,
        other.wrong - one.wrong,
        np.minimum(one.n_right, other.n_right),
        np.minimum(one.n_wrong, other.n_wrong),
    )


def _mean_terms(terms: GroupTerms, known: Bools) -> GroupTerms:
    """Return the terms of the mean over the known cells; it rests on as many groups as the poorest of them."""
    return GroupTerms(
        *(each[known].mean(axis=0, keepdims=True) for each in (terms.right, terms.wrong)),
        *(each[known].min(keepdims=True) for each in (terms.n_right, terms.n_wrong)),
    )


def _corrected(terms: Floats, found: DifferenceTest) -> Floats:
    """Return the p-values of |z| against the largest |z| of maps that do not differ; 1 where a cell has no test.

    A cell's |z| is the normal one of its p-value: sums with random signs are as good as normal, Student's t is not.
    """
    usable = np.isfinite(found.p_value) & (found.error > 0)
    corrected = np.ones(len(found.error))
    if usable.any():
        scaled = terms[usable] / found.error[usable, None]
        generator = np.random.default_rng(seed_from("diff"))
        signs = generator.choice([-1.0, 1.0], size=(terms.shape[1], DRAWS))
        largest = np.sort(np.abs(scaled @ signs).max(axis=0))
        above = DRAWS - np.searchsorted(largest, norm.isf(found.p_value[usable] / 2))
        corrected[usable] = (1 + above) / (1 + DRAWS)
    return corrected


def rows_of(values: Floats) -> tuple[tuple[float | None, ...], ...]:
    """Return an array (L, P) as plain numbers, `None` for NaN."""
    return tuple(tuple(None if np.isnan(v) else float(v) for v in row) for row in values)


def array_of(rows: Sequence[Sequence[float | None]]) -> Floats:
    """Return back the array (L, P) that `rows_of` was given."""
    return np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=np.float64)
