"""Fitting the grid: a cross-validated probe in every cell, a layer at a time, and the controls that need states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from truthmap.arrays import Bools, Floats, Floats32
from truthmap.positions import Position
from truthmap.probes.cell_scores import CellScores
from truthmap.probes.cells_at_once import cells_at_once
from truthmap.probes.cross_validation import usable
from truthmap.probes.grid import ARRAYS, Grid, GridScores
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.layer_source import LayerSource
from truthmap.probes.permutation import corrected_p_values, max_null, shuffled_labels
from truthmap.probes.recipe import CellInput, Targets
from truthmap.probes.recipes import recipe_named
from truthmap.probes.threads import one_thread_per_cell
from truthmap.records import RowKey, Site, Split
from truthmap.shown import ShortRepr
from truthmap.store.shards import LayerStates

RIGHT = "right"


@dataclass(frozen=True, repr=False)
class GridFit(ShortRepr):
    """A fitted grid.

    Attributes:
        grid: Its numbers.
        out_of_fold: Its probes' scores.
        null: float64 (n_permutations,), the largest AUC anywhere on this map for each shuffle of the labels.
    """

    grid: Grid
    out_of_fold: GridScores
    null: Floats


def fit_grid(
    source: LayerSource,
    labels: LabelledAnswers,
    site: Site,
    settings: GridSettings,
    on_progress: Callable[[int, int], None] | None = None,
) -> Grid:
    """Fit a probe in every cell of a site, by cross-validation over train + validation.

    The test part is not looked at. Cells are read one at a time by each thread, so that few are in memory.

    Args:
        source: The states.
        labels: All scored answers.
        site: What to read.
        settings: Values of C and the like.
        on_progress: Called with (layers done, layers).
    """
    return fit_grids(source, labels, {RIGHT: labels.y}, site, settings, on_progress)[RIGHT].grid


def fit_grids(
    source: LayerSource,
    labels: LabelledAnswers,
    targets: Mapping[str, Bools],
    site: Site,
    settings: GridSettings,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, GridFit]:
    """Fit the grids of several labels of the same answers, which share the work on the states.

    Args:
        source: The states.
        labels: Ids, parts, folds and groups; its own `y` is not used.
        targets: What to predict: name → bool (n,).
        site: What to read.
        settings: Values of C and the like.
        on_progress: Called with (layers done, layers).
    """
    chosen = labels.of(test=False)
    kept = np.array([split is not Split.TEST for split in labels.split])
    y = np.stack([target[kept] for target in targets.values()])
    shuffled = np.stack([shuffled_labels(row, chosen.group, settings.n_permutations, settings.seed) for row in y])
    n_layers, width = source.layout()[site]
    places = [(layer, position) for layer in range(n_layers) for position in source.positions]
    at_once = cells_at_once(settings, len(chosen.ids), width, len(y))
    batches = [places[start : start + at_once] for start in range(0, len(places), at_once)]
    cells: list[list[CellScores]] = []
    recipe = recipe_named(settings.protocol)
    work = partial(_fit_batch, partial(source.read_cell, site, ids=chosen.ids), chosen, Targets(y, shuffled), settings)
    with recipe.fitting(), one_thread_per_cell(settings.device) as every:
        for fits in every(work, batches):
            before, cells = len(cells) // len(source.positions), cells + fits
            for layer in range(before, len(cells) // len(source.positions)):
                if on_progress is not None:
                    on_progress(layer + 1, n_layers)
    per_layer = len(source.positions)
    layers = [cells[start : start + per_layer] for start in range(0, len(cells), per_layer)]
    return {
        name: _grid_of([[cell[number] for cell in row] for row in layers], site, source.positions, chosen.ids)
        for number, name in enumerate(targets)
    }


def _fit_batch(
    read: Callable[[int, Position], LayerStates],
    labels: LabelledAnswers,
    targets: Targets,
    settings: GridSettings,
    batch: Sequence[tuple[int, Position]],
) -> list[list[CellScores]]:
    """Read and fit some cells.

    Their states are in memory while they are being fitted, and no longer. The scores are those of all n answers, NaN
    where an answer has no state here.
    """
    cells = []
    for layer, position in batch:
        cell = read(layer, position)
        cells.append(CellInput(cell.states[0], usable(cell.states[0], cell.present[0])))
    fitted = recipe_named(settings.protocol).fit_cells(cells, labels, targets, settings)
    return [
        [replace(fit, scores=_spread(fit.scores, cell.here)) for fit in fits]
        for cell, fits in zip(cells, fitted, strict=True)
    ]


def _spread(scores: Floats32, here: Bools) -> Floats32:
    everywhere = np.full(len(here), np.nan, dtype=np.float32)
    everywhere[here] = scores
    return everywhere


def _grid_of(
    rows: Sequence[Sequence[CellScores]], site: Site, positions: tuple[Position, ...], ids: tuple[RowKey, ...]
) -> GridFit:
    """Put the cells (L, P) of one label together."""
    empty = {"n": 0, "n_right": 0, "within_pairs": 0, "converged": False}
    arrays = {
        name: np.array([[cell.numbers.get(name, empty.get(name, np.nan)) for cell in row] for row in rows])
        for name in ARRAYS
    }
    scores = np.stack([np.stack([cell.scores for cell in row]) for row in rows])
    null = max_null([cell.null for row in rows for cell in row])
    grid = Grid(site, positions, **arrays)
    return GridFit(with_p_values(grid, null), GridScores(site, positions, ids, scores), null)


def with_p_values(grid: Grid, null: Floats) -> Grid:
    """Compare each cell with the largest AUC of shuffled labels: float64 (n_permutations,), none for no p-values."""
    return replace(grid, p_value=corrected_p_values(grid.auc, null)) if len(null) else grid
