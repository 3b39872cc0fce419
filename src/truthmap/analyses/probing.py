"""Probes of a finished run, asked for by the analyses: which cell, what it says of the test answers, and new ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.positions import Position, column_of
from truthmap.probes.cross_validation import best_on_path, out_of_fold_path
from truthmap.probes.grid import Cell, Grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.probes.test_part import score_on_test
from truthmap.records import RowKey
from truthmap.runs.data import RunData
from truthmap.store.tensors import TensorReader
from truthmap.study.stage_settings import grid_settings
from truthmap.study.study import Study


@dataclass(frozen=True)
class StatesAtCell:
    """The states of some answers at one cell, those that have its position.

    Attributes:
        ids: The rows' keys.
        states: float (n, d).
        y: bool (n,), whether each answer is right.
        fold: int64 (n,), cross-validation fold, -1 in the test part.
        group: What belongs together.
    """

    ids: tuple[RowKey, ...]
    states: torch.Tensor
    y: Bools
    fold: Ints
    group: tuple[str, ...]


@dataclass(frozen=True)
class FittedProbe:
    """A probe and the scores that probes fitted without them give its training answers.

    Attributes:
        probe: Fitted on all training answers.
        out_of_fold: float64 (n,), log-odds from cross-validation at the same C.
    """

    probe: LinearProbe
    out_of_fold: Floats


def only(labels: LabelledAnswers, ids: Collection[RowKey]) -> LabelledAnswers:
    """Keep the rows with these keys, in the labels' order."""
    wanted = set(ids)
    return labels.take(np.array([i in wanted for i in labels.ids], dtype=bool))


def probe_settings(data: RunData) -> GridSettings:
    """Return how a run's probes were fitted, without the shuffles of the labels."""
    seed = Study(**data.settings["settings"]).seed
    return replace(grid_settings(), protocol=data.summary.protocol, seed=seed)


def has_probe(grid: Grid, position: Position) -> bool:
    """Tell whether any layer has a probe at a position."""
    return position in grid.positions and bool(np.isfinite(grid.auc[:, column_of(grid.positions, position)]).any())


def best_cell_at(grid: Grid, position: Position) -> Cell:
    """Choose the layer of a position with the highest cross-validated AUC.

    Raises:
        NotEnoughDataError: no layer has a probe there.
    """
    if not has_probe(grid, position):
        raise NotEnoughDataError(f"no probe could be fitted at {position}: too few answers have it")
    auc = grid.auc[:, column_of(grid.positions, position)]
    return Cell(grid.site, int(np.nanargmax(auc)), position)


def best_cells(grid: Grid, how_many: int) -> tuple[Cell, ...]:
    """Choose the best layer of each of the best positions that at least half of the answers have."""
    wide = [p for n, p in enumerate(grid.positions) if grid.n[:, n].max() * 2 >= grid.n.max() and has_probe(grid, p)]
    cells = [best_cell_at(grid, position) for position in wide]
    cells.sort(key=lambda cell: -auc_of(grid, cell))
    return tuple(cells[:how_many])


def auc_of(grid: Grid, cell: Cell) -> float:
    """Return a cell's cross-validated AUC."""
    return float(grid.auc[grid.index(cell)])


def test_scores(data: RunData, grid: Grid, cell: Cell) -> Mapping[RowKey, float]:
    """Return the log-odds of being right that a cell's probe, fitted without them, gives the test answers, by row."""
    return score_on_test(TensorReader(data.states), data.labels, grid, cell, probe_settings(data)).scores


def mean_scores(scores: Sequence[Mapping[RowKey, float]]) -> dict[RowKey, float]:
    """Return each answer's mean over those of the scores that it has."""
    ids = dict.fromkeys(i for each in scores for i in each)
    return {i: float(np.mean([each[i] for each in scores if i in each])) for i in ids}


def read_cell(data: RunData, labels: LabelledAnswers, cell: Cell) -> StatesAtCell:
    """Read the states of a run's answers at a cell, in the labels' order."""
    read = TensorReader(data.states).read_cell(cell.site, cell.layer, cell.position, labels.ids)
    rows = np.flatnonzero(read.present[0])
    return StatesAtCell(
        tuple(labels.ids[n] for n in rows),
        read.states[0][torch.from_numpy(rows)],
        labels.y[rows],
        labels.fold[rows],
        tuple(labels.group[n] for n in rows),
    )


def pool_states(reads: Sequence[StatesAtCell]) -> StatesAtCell:
    """Put the answers of several reads together; ids and groups of different reads are told apart."""
    return StatesAtCell(
        tuple(RowKey(f"{k}:{i}") for k, read in enumerate(reads) for i in read.ids),
        torch.cat([read.states for read in reads]),
        np.concatenate([read.y for read in reads]),
        np.concatenate([read.fold for read in reads]),
        tuple(f"{k}:{g}" for k, read in enumerate(reads) for g in read.group),
    )


def fit_cell_probe(read: StatesAtCell, cs: Sequence[float]) -> FittedProbe:
    """Fit a probe, with the C of the highest cross-validated AUC among `cs`, the smallest of equals.

    Raises:
        NotEnoughDataError: a training part lacks an outcome.
    """
    path = out_of_fold_path(read.states, read.y, read.fold, cs)
    best = best_on_path(path, read.y)
    return FittedProbe(fit_probe(read.states, read.y, best.c), best.scores[0])
