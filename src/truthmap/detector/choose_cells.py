"""Which cells the heads of a detector read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truthmap.detector.config import Role
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.positions import Group, Position, column_of
from truthmap.probes.grid import Cell, Grid

_NEARLY_ALL = 0.95


def cells_by_role(grid: Grid, chosen: tuple[Cell, ...]) -> dict[Role, tuple[Cell, ...]]:
    """Return the cells of each head: the chosen ones, and where they may be missing, the best that every answer has.

    Raises:
        UsageError: the chosen cells are of several sites, or of a layer that the model does not have.
        NotEnoughDataError: the run fitted no probe to a chosen cell.
    """
    n_layers = len(grid.auc)
    for cell in chosen:
        if cell.site is not chosen[0].site:
            raise UsageError(f"a detector reads one site, but {chosen[0].site} and {cell.site} were given")
        if not 0 <= cell.layer < n_layers:
            raise UsageError(f"there is no layer {cell.layer}: the model has the layers 0 to {n_layers - 1}")
        if not np.isfinite(grid.c[grid.index(cell)]):
            raise NotEnoughDataError(f"the cell layer {cell.layer}, {cell.position} has too few answers for a probe")
    roles = {Role.ANSWER: chosen}
    before = [position for position in grid.positions if position.group is Group.PROMPT]
    everywhere = [position for position in grid.positions if position.in_every_answer and position not in before]
    if not all(cell.position in everywhere for cell in chosen):
        roles[Role.FALLBACK] = (_best_among(grid, everywhere),)
    roles[Role.BEFORE] = (_best_among(grid, before),)
    return roles


def nearly_all_have(grid: Grid, cells: Sequence[Cell], best: Cell) -> bool:
    """Tell whether nearly all answers that have the cell `best` have all of `cells` too."""
    n = [int(grid.n[grid.index(cell)]) for cell in (*cells, best)]
    return min(n[:-1]) >= _NEARLY_ALL * n[-1]


def _best_among(grid: Grid, positions: Sequence[Position]) -> Cell:
    """Return the cell with the highest cross-validated AUC among these positions."""
    columns = [column_of(grid.positions, position) for position in positions]
    auc = np.where(np.isfinite(grid.auc[:, columns]), grid.auc[:, columns], -np.inf)
    layer, place = np.unravel_index(int(np.argmax(auc)), auc.shape)
    return Cell(grid.site, int(layer), positions[int(place)])
