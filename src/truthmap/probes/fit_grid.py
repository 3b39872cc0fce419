"""Fitting the grid: a cross-validated probe in every cell, a layer at a time, and the controls that need states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from truthmap.arrays import Bools, Floats, Floats32
from truthmap.metrics.auc import auc_many, round_scores
from truthmap.positions import Position
from truthmap.probes.cell_scores import CellScores, score_cell
from truthmap.probes.cross_validation import CellStates, OutOfFoldScores, cross_validate, usable
from truthmap.probes.grid import ARRAYS, Grid, OutOfFold
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, LayerSource
from truthmap.probes.paper_protocol import fit_cell_paper_protocol, ignore_convergence_warnings
from truthmap.probes.permutation import corrected_p_values, max_null, null_aucs, shuffled_labels
from truthmap.probes.threads import one_thread_per_cell
from truthmap.records import Site, Split
from truthmap.store.shards import LayerStates

RIGHT = "right"


@dataclass(frozen=True)
class GridFit:
    """A fitted grid.

    Attributes:
        grid: Its numbers.
        out_of_fold: Its probes' scores.
        null: float64 (n_permutations,), the largest AUC anywhere on this map for each shuffle of the labels.
    """

    grid: Grid
    out_of_fold: OutOfFold
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
    kept = np.array([part is not Split.TEST for part in labels.part])
    y = np.stack([target[kept] for target in targets.values()])
    shuffled = np.stack([shuffled_labels(row, chosen.group, settings.n_permutations, settings.seed) for row in y])
    n_layers, _ = source.layout()[site]
    layers: list[list[list[CellScores]]] = []
    quiet = ignore_convergence_warnings() if settings.protocol == "study" else nullcontext()
    with quiet, one_thread_per_cell(settings.device) as every:
        for layer in range(n_layers):
            read = partial(source.read_cell, site, layer, ids=chosen.ids)
            work = partial(_fit_position, read, chosen, (y, shuffled), settings)
            layers.append(every(work, source.positions))
            if on_progress is not None:
                on_progress(layer + 1, n_layers)
    return {
        name: _grid_of([[cell[number] for cell in row] for row in layers], site, source.positions, chosen.ids)
        for number, name in enumerate(targets)
    }


def _fit_position(
    read: Callable[[Position], LayerStates],
    labels: LabelledAnswers,
    targets: tuple[Bools, Bools],
    settings: GridSettings,
    position: Position,
) -> list[CellScores]:
    """Read and fit one cell; targets are (labels (K, n), shuffled (K, R, n)).

    Its states are in memory while it is being fitted, and no longer. The scores are those of all n answers, NaN where
    an answer has no state here.
    """
    cell = read(position)
    states, here = cell.states[0], usable(cell.states[0], cell.present[0])
    y, shuffled = targets[0][:, here], targets[1][:, :, here]
    if settings.protocol == "study":
        fits = [fit_cell_paper_protocol(states[here], row, labels.take(here), settings) for row in y]
    else:
        fits = _fit_cell(states[here].to(settings.device), labels.take(here), y, shuffled, settings)
    return [replace(fit, scores=_spread(fit.scores, here)) for fit in fits]


def _spread(scores: Floats32, here: Bools) -> Floats32:
    everywhere = np.full(len(here), np.nan, dtype=np.float32)
    everywhere[here] = scores
    return everywhere


def _fit_cell(
    states: torch.Tensor, rows: LabelledAnswers, y: Bools, shuffled: Bools, settings: GridSettings
) -> list[CellScores]:
    """Fit one cell: states (n, d), labels (K, n) and shuffled ones (K, R, n) of the answers that have one there."""
    folds = np.unique(rows.fold)
    training: Bools = rows.fold[None] != folds[:, None]
    fits = [_nothing(row, shuffled.shape[1]) for row in y]
    fit = [number for number, row in enumerate(y) if _enough(row, training, settings.fewest)]
    if fit:
        held_out = np.searchsorted(folds, rows.fold)
        cell = CellStates.of(states, training, held_out)
        paths = list(cross_validate(cell, y[fit], settings.cs))
        for number, each in enumerate(fit):
            fits[each] = _cell_fit([_one(left_out, number) for left_out in paths], y[each], rows, settings)
            fits[each] = replace(fits[each], null=null_aucs(cell, shuffled[each], settings.cs))
    return fits


def _enough(y: Bools, training: Bools, fewest: int) -> bool:
    """Say whether a label has `fewest` of each outcome and both outcomes in every training part."""
    n, n_right = len(y), int(y.sum())
    return min(n_right, n - n_right) >= max(fewest, 1) and all(y[t].any() and not y[t].all() for t in training)


def _nothing(y: Bools, n_permutations: int) -> CellScores:
    unknown = np.full(len(y), np.nan, dtype=np.float32)
    return CellScores({"n": len(y), "n_right": int(y.sum())}, unknown, np.full(n_permutations, 0.5))


def _one(left_out: OutOfFoldScores, number: int) -> OutOfFoldScores:
    only = slice(number, number + 1)
    return OutOfFoldScores(left_out.c, left_out.scores[only], left_out.gap[only], left_out.converged[only])


def _cell_fit(path: Sequence[OutOfFoldScores], y: Bools, labels: LabelledAnswers, settings: GridSettings) -> CellScores:
    """Choose C by out-of-fold AUC and score the cell there."""
    log_odds = np.concatenate([left_out.scores for left_out in path])
    best = int(np.argmax(auc_many(round_scores(log_odds), y, settings.confidence).auc))
    scored = score_cell(log_odds[best], y, labels, settings)
    fit = {
        "c": path[best].c,
        "converged": all(left_out.converged.all() for left_out in path),
        "gap": max(float(left_out.gap.max()) for left_out in path),
    }
    return replace(scored, numbers={**scored.numbers, **fit})


def _grid_of(
    rows: Sequence[Sequence[CellScores]], site: Site, positions: tuple[Position, ...], ids: tuple[str, ...]
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
    return GridFit(with_p_values(grid, null), OutOfFold(site, positions, ids, scores), null)


def with_p_values(grid: Grid, null: Floats) -> Grid:
    """Compare each cell with the largest AUC of shuffled labels: float64 (n_permutations,), none for no p-values."""
    return replace(grid, p_value=corrected_p_values(grid.auc, null)) if len(null) else grid
