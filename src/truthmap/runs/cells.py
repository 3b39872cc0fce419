"""One cell of a run: which one is meant, its probe, what that says of answers it has not seen, and its states."""

from __future__ import annotations

import numpy as np

from truthmap.errors import UsageError
from truthmap.positions import Position
from truthmap.probes.cross_validation import usable
from truthmap.probes.grid import Cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.linear import LinearProbe
from truthmap.probes.test_part import refit_cell
from truthmap.records import RowKey, Site
from truthmap.runs.cell_states import CellStates, texts_array
from truthmap.runs.data import RunData
from truthmap.store.tensors import TensorReader


def chosen_cell(
    data: RunData, layer: int | None = None, position: Position | str | None = None, site: Site | str | None = None
) -> Cell:
    """Return the cell of the map that is meant; what is not named is the best cell's.

    Args:
        data: The run.
        layer: The layer; from the end, if negative.
        position: The position, or its name.
        site: The site, or its name.

    Raises:
        UsageError: there is no such layer, position or site.
        NotEnoughDataError: the run has no map.
    """
    best = data.summary
    grid = data.grid(best.site if site is None else site_named(site))
    n_layers = len(grid.auc)
    wanted = best.layer if layer is None else layer
    if not -n_layers <= wanted < n_layers:
        raise UsageError(f"there is no layer {wanted}; the map has layers 0 to {n_layers - 1}")
    place = best.position if position is None else Position.of(str(position))
    cell = Cell(grid.site, wanted % n_layers, place)
    grid.index(cell)  # says which positions there are
    return cell


def site_named(name: Site | str) -> Site:
    """Return the site of a name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Site(name)
    except ValueError as error:
        raise UsageError(f"there is no site {name!r}; there are {', '.join(Site)}") from error


def cell_states(data: RunData, layer: int, position: Position | str, site: Site | str | None = None) -> CellStates:
    """Return the stored states of a cell with the outcomes, as plain arrays.

    Raises:
        UsageError: there is no such layer, position or site, or the run has not stored it.
    """
    cell = data.dataset(layer, position, site=None if site is None else site_named(site))
    return CellStates(cell.x, cell.y, texts_array(cell.ids), texts_array(cell.group), texts_array(cell.split))


def cell_probe(data: RunData, cell: Cell) -> LinearProbe:
    """Return a cell's probe, fitted on train + validation with the C chosen there, as the map's test number is.

    Raises:
        NotEnoughDataError: too few right or wrong answers have the cell.
    """
    return refit_cell(TensorReader(data.states), data.labels, data.grid(cell.site), cell, _settings(data))


def unseen_scores(data: RunData, cell: Cell) -> dict[RowKey, float]:
    """Return what a cell says of answers that its probe has not seen: log-odds of being right, by row.

    Train and validation have their out-of-fold scores, as the map has them; the test part is scored by the probe that
    was fitted on both. Rows that lack the position, or that the run kept no scores of, are left out.
    """
    scores = _out_of_fold(data, cell)
    return {**scores, **_on_test(data, cell, data.labels.of(test=True))}


def unseen_score(data: RunData, cell: Cell, row: RowKey) -> float | None:
    """Return what a cell says of one row, as `unseen_scores` gives it; `None` where it says nothing."""
    own = data.labels.of(test=True)
    own = own.take(np.array([key == row for key in own.ids], dtype=bool))
    return (_on_test(data, cell, own) if own.ids else _out_of_fold(data, cell)).get(row)


def _out_of_fold(data: RunData, cell: Cell) -> dict[RowKey, float]:
    return data.out_of_fold(cell.site).at(cell) if data.has_out_of_fold else {}


def _on_test(data: RunData, cell: Cell, tested: LabelledAnswers) -> dict[RowKey, float]:
    """Score test rows by the probe that was fitted on train + validation."""
    if not tested.ids or not data.grid(cell.site).c[data.grid(cell.site).index(cell)] > 0:
        return {}
    read = TensorReader(data.states).read_cell(cell.site, cell.layer, cell.position, tested.ids)
    there = usable(read.states[0], read.present[0])
    found = cell_probe(data, cell).score(read.states[0][there].double().numpy())
    return dict(zip(tested.take(there).ids, found.tolist(), strict=True))


def _settings(data: RunData) -> GridSettings:
    """Return what of the run's settings decides how a cell's last probe is fitted."""
    return GridSettings(protocol=data.summary.protocol, n_permutations=0, seed=data.settings["settings"]["seed"])
