"""Which cells the heads of a detector read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truthmap.detector.config import Role
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.positions import Group, Position, column_of
from truthmap.probes.grid import Cell, Grid

_NEARLY_ALL = 0.95
_LAST_Q = Position.of("last_q")


def cells_by_role(grid: Grid, chosen: tuple[Cell, ...]) -> dict[Role, tuple[Cell, ...]]:
    """Return the cells of each head: the chosen ones, and where they may be missing, the best that every answer has.

    Raises:
        UsageError: the chosen cells are of several sites, or of a layer that the model does not have, or cannot be
            read while an answer is generated.
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
        if cell.position.rule.may_read_prompt:
            raise UsageError(
                f"a detector cannot read {cell.position}: of a prompt it sees the last token alone (last_q); choose "
                "another cell with --cell"
            )
    roles = {Role.ANSWER: chosen}
    everywhere = [p for p in grid.positions if p.in_every_answer and p.group is not Group.PROMPT]
    wanted = {} if all(cell.position in everywhere for cell in chosen) else {Role.FALLBACK: everywhere}
    wanted[Role.BEFORE] = [position for position in grid.positions if position == _LAST_Q]
    for role, positions in wanted.items():
        fitted = [p for p in positions if np.isfinite(grid.auc[:, column_of(grid.positions, p)]).any()]
        if fitted:  # a map without such a column gives a detector without that head
            roles[role] = (_best_among(grid, fitted),)
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
