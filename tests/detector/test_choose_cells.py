"""The cells of a detector's heads: the chosen ones, and others where an answer may lack them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from truthmap.detector.choose_cells import cells_by_role, nearly_all_have
from truthmap.detector.config import CellAt, Role
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.positions import PAPER, Position
from truthmap.probes.grid import Cell, Grid
from truthmap.records import Site

LAST_Q, FIRST, LAST = Position.of("last_q"), Position.of("first_answer"), Position.of("-1")
EXACT_FIRST, EXACT_LAST = Position.of("exact_answer_first"), Position.of("exact_answer_last")
SHAPE = (3, len(PAPER))
EXACT = Cell(Site.RESIDUAL, 1, EXACT_LAST)


def make_grid() -> Grid:
    """Return a grid of 100 answers in which each cell's AUC says where it is."""
    ones = np.ones(SHAPE)
    auc = 0.5 + np.arange(ones.size).reshape(SHAPE) / 100
    return Grid(Site.RESIDUAL, PAPER, auc, auc, auc, 100 * ones, 50 * ones, ones, ones > 0, 0 * ones)


def changed(values: np.ndarray, cell: Cell, value: float) -> np.ndarray:
    """Return a copy with another value at one cell."""
    copy = values.copy()
    copy[cell.layer, PAPER.index(cell.position)] = value
    return copy


def test_an_exact_answer_has_a_fallback_and_a_head_before_it() -> None:
    roles = cells_by_role(make_grid(), (EXACT,))
    assert roles == {
        Role.ANSWER: (EXACT,),
        Role.FALLBACK: (Cell(Site.RESIDUAL, 2, LAST),),
        Role.BEFORE: (Cell(Site.RESIDUAL, 2, LAST_Q),),
    }


def test_a_cell_without_a_probe_is_no_fallback() -> None:
    grid = make_grid()
    best = Cell(Site.RESIDUAL, 2, LAST)
    roles = cells_by_role(replace(grid, auc=changed(grid.auc, best, np.nan)), (EXACT,))
    assert roles[Role.FALLBACK] == (Cell(Site.RESIDUAL, 2, FIRST),)


def test_a_cell_that_every_answer_has_needs_no_fallback() -> None:
    chosen = (Cell(Site.RESIDUAL, 0, FIRST), Cell(Site.RESIDUAL, 1, LAST))
    assert set(cells_by_role(make_grid(), chosen)) == {Role.ANSWER, Role.BEFORE}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (Cell(Site.MLP, 1, LAST), "a detector reads one site, but residual and mlp were given"),
        (Cell(Site.RESIDUAL, 3, LAST), "no layer 3: the model has the layers 0 to 2"),
    ],
)
def test_cells_that_cannot_be_read_together_are_refused(cell: Cell, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cells_by_role(make_grid(), (EXACT, cell))


def test_a_cell_without_a_probe_is_refused() -> None:
    grid = make_grid()
    with pytest.raises(NotEnoughDataError, match="layer 1, exact_answer_last has too few answers for a probe"):
        cells_by_role(replace(grid, c=changed(grid.c, EXACT, np.nan)), (EXACT,))


@pytest.mark.parametrize(("n", "enough"), [(95, True), (94, False)])
def test_a_stack_needs_nearly_all_answers_of_the_best_cell(n: int, *, enough: bool) -> None:
    grid = make_grid()
    other = Cell(Site.RESIDUAL, 0, EXACT_FIRST)
    assert nearly_all_have(replace(grid, n=changed(grid.n, other, n)), (EXACT, other), EXACT) is enough


def grid_at(*rules: str) -> Grid:
    """Return a grid of these positions, each with a probe in every layer."""
    positions = tuple(map(Position.of, rules))
    ones = np.ones((3, len(positions)))
    return Grid(Site.RESIDUAL, positions, 0.6 * ones, ones, ones, 100 * ones, 50 * ones, ones, ones > 0, 0 * ones)


def test_a_map_without_such_columns_has_no_such_heads() -> None:
    chosen = (Cell(Site.RESIDUAL, 1, Position.of("mean(final)")),)
    assert set(cells_by_role(grid_at("mean(final)", "thought[50%]"), chosen)) == {Role.ANSWER}
    with_more = cells_by_role(grid_at("mean(final)", "prompt[0]", "prompt[-1]", "answer[50%]"), chosen)
    assert {role: str(cells[0].position) for role, cells in with_more.items()} == {
        Role.ANSWER: "mean(final)", Role.FALLBACK: "answer[50%]", Role.BEFORE: "prompt[-1]",
    }  # fmt: skip


@pytest.mark.parametrize("rule", ["prompt[0]", "mean(prompt)", "exact[0]-2"])
def test_what_is_not_seen_while_an_answer_is_generated_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*the last token alone \(last_q\); choose another cell"):
        cells_by_role(grid_at("last_q", rule, "-1"), (Cell(Site.RESIDUAL, 0, Position.of(rule)),))


def test_a_sealed_rule_must_still_be_what_the_name_means() -> None:
    cell = CellAt(layer=1, position=EXACT_LAST, C=1.0, rule="exact[-1]")
    assert CellAt.model_validate_json(cell.model_dump_json()) == cell
    with pytest.raises(ValidationError, match=r"sealed to read exact\[0\], which it calls exact_answer_last; this"):
        CellAt(layer=1, position=EXACT_LAST, C=1.0, rule="exact[0]")
