"""Probes of a finished run, asked for by the analyses: which cell, and what it says of the test answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from truthmap.errors import NotEnoughDataError
from truthmap.positions import Position, column_of
from truthmap.probes.grid import Cell, Grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.test_part import score_on_test
from truthmap.runs.data import RunData
from truthmap.study.stage_settings import grid_settings
from truthmap.study.study import Study


def only(labels: LabelledAnswers, ids: Collection[str]) -> LabelledAnswers:
    """Keep the answers with these ids, in the labels' order."""
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


def test_scores(data: RunData, grid: Grid, cell: Cell) -> Mapping[str, float]:
    """Return the log-odds of being right that a cell's probe, fitted without them, gives the test answers, by id."""
    return score_on_test(data.states, data.labels, grid, cell, probe_settings(data)).scores


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return each answer's mean over those of the scores that it has."""
    ids = dict.fromkeys(i for each in scores for i in each)
    return {i: float(np.mean([each[i] for each in scores if i in each])) for i in ids}
