"""The grid: what the probes of all cells reach, as arrays and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from truthmap.arrays import AnyArray, Bools, Floats, Floats32, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position, column_of, each_once
from truthmap.records import RowKey, Site
from truthmap.shown import ShortRepr, Shown, TextTable, map_html

_KINDS = {"n": np.int64, "n_right": np.int64, "within_pairs": np.int64, "converged": np.bool_}


def _not_computed() -> Any:
    return np.empty((0, 0))


@dataclass(frozen=True)
class Cell:
    """One place on the map."""

    site: Site
    layer: int
    position: Position


@dataclass(frozen=True, repr=False)
class Grid(Shown):
    """The probes' scores in every cell of one site; arrays are (L, P).

    Floats are float64 and NaN where a cell has too few answers; a control that was not computed is NaN everywhere.

    Attributes:
        site: What was read.
        positions: What axis P holds.
        auc, low, high: Out-of-fold AUC on train + validation at the best C, with its interval.
        n, n_right: int64: answers that have the position, and the right ones among them.
        c: The C that was chosen, by out-of-fold AUC.
        converged: bool: every probe of the cell, for every C and fold, is at its optimum.
        gap: The worst certificate among them.
        average_precision, brier, ece: Of the same out-of-fold scores.
        p_value: Share of label shuffles that reach this AUC anywhere on the map: corrected for looking everywhere.
        text_baseline_auc: The best text-only baseline of the whole map, on the cell's answers and folds.
        exact_answer_text_auc, whole_answer_text_auc, question_text_auc, length_auc: Of one part of the text each.
        all_words_auc, all_text_auc: Of the three texts jointly, and with the lengths.
        embeddings_auc, text_and_embeddings_auc: Of sentence embeddings, alone and with all that; NaN without a model.
        within_auc: AUC over pairs of a right and a wrong answer with the same exact answer.
        within_pairs: int64: how many such pairs there are.
        closing_share, punctuation_share: Share of the answers that have the position in which it is the token that
            closes the answer, or punctuation: the same in every layer.
        missing_share: Share of the scored answers that lack the position.
    """

    site: Site
    positions: tuple[Position, ...]
    auc: Floats
    low: Floats
    high: Floats
    n: Ints
    n_right: Ints
    c: Floats
    converged: Bools
    gap: Floats
    average_precision: Floats = field(default_factory=_not_computed)
    brier: Floats = field(default_factory=_not_computed)
    ece: Floats = field(default_factory=_not_computed)
    p_value: Floats = field(default_factory=_not_computed)
    text_baseline_auc: Floats = field(default_factory=_not_computed)
    exact_answer_text_auc: Floats = field(default_factory=_not_computed)
    whole_answer_text_auc: Floats = field(default_factory=_not_computed)
    question_text_auc: Floats = field(default_factory=_not_computed)
    length_auc: Floats = field(default_factory=_not_computed)
    all_words_auc: Floats = field(default_factory=_not_computed)
    all_text_auc: Floats = field(default_factory=_not_computed)
    embeddings_auc: Floats = field(default_factory=_not_computed)
    text_and_embeddings_auc: Floats = field(default_factory=_not_computed)
    within_auc: Floats = field(default_factory=_not_computed)
    within_pairs: Ints = field(default_factory=_not_computed)
    closing_share: Floats = field(default_factory=_not_computed)
    punctuation_share: Floats = field(default_factory=_not_computed)
    missing_share: Floats = field(default_factory=_not_computed)

    def __post_init__(self) -> None:
        assert self.auc.shape[1:] == (len(self.positions),), self.auc.shape
        for name in ARRAYS:
            values = getattr(self, name)
            if values.size == 0:
                values = np.full(self.auc.shape, 0 if name == "within_pairs" else np.nan)
            object.__setattr__(self, name, values.astype(_KINDS.get(name, np.float64), copy=False))

    def index(self, cell: Cell) -> tuple[int, int]:
        """Return a cell's index in the arrays.

        Raises:
            UsageError: the grid has no such position.
        """
        return cell.layer, column_of(self.positions, cell.position)

    def cell(self, layer: int, column: int) -> Cell:
        """Return the cell at an index of the arrays."""
        return Cell(self.site, layer, self.positions[column])

    def significant(self, level: float = 0.05) -> Bools:
        """Say which cells are significant at `level`, corrected for looking at all of them; bool (L, P)."""
        return np.asarray(self.p_value <= level)

    def estimate(self, cell: Cell) -> Estimate:
        """Return a cell's AUC with its interval, n being the answers that have its position."""
        at = self.index(cell)
        value, low, high = (float(each[at]) for each in (self.auc, self.low, self.high))
        return Estimate(value=value, low=low, high=high, n=int(self.n[at]))

    def at(self, positions: Sequence[Position]) -> Grid:
        """Keep some of the columns, in this order.

        Raises:
            UsageError: the grid lacks one.
        """
        columns = [column_of(self.positions, position) for position in positions]
        return Grid(self.site, tuple(positions), **{name: getattr(self, name)[:, columns] for name in ARRAYS})

    def notes(self) -> AnyArray:
        """Return what can be said of each cell, in a few lines: texts (L, P)."""
        notes = np.full(self.auc.shape, "", dtype=object)
        for layer, column in np.ndindex(*self.auc.shape):
            cell = self.cell(layer, column)
            told = [f"layer {layer}, {cell.position}", f"{self.n[layer, column]:,} answers"]
            found = self.auc[layer, column]
            told.insert(1, f"AUC {self.estimate(cell)}" if np.isfinite(found) else "no probe: too few answers")
            p_value = self.p_value[layer, column]
            told += [f"corrected p {p_value:.2g}"] if np.isfinite(p_value) else []
            notes[layer, column] = "\n".join(told)
        return notes

    def _line(self) -> str:
        n_layers, n_positions = self.auc.shape
        return ", ".join(
            [f"{self.site}, {n_layers} layers × {n_positions} positions", *(f"best: {best}" for best in self._best())]
        )

    def _best(self) -> list[str]:
        """Return what the best cell is and reaches; nothing where no cell can be chosen."""
        try:
            best = best_cell(self)
        except NotEnoughDataError:
            return []
        return [f"layer {best.layer}, {best.position}, AUC {self.estimate(best)}"]

    def _tables(self) -> Sequence[TextTable]:
        shape = f"{self.auc.shape[0]} layers × {self.auc.shape[1]} positions, {self.n.max():,} answers"
        facts = [("cells", shape), *(("best, where it was chosen", best) for best in self._best())]
        return [(f"Grid of {self.site}", ("", ""), facts)]

    def _repr_html_(self) -> str:
        return super()._repr_html_() + map_html(self.auc.tolist(), [str(position) for position in self.positions])

    def to_frame(self) -> pd.DataFrame:
        """Return the grid as a table, a row per cell."""
        layers, positions = np.indices(self.auc.shape)
        columns: dict[str, Any] = {
            "site": str(self.site),
            "layer": layers.ravel(),
            "position": [str(self.positions[p]) for p in positions.ravel()],
            **{_column(name): getattr(self, name).ravel() for name in ARRAYS},
        }
        frame: pd.DataFrame = pd.DataFrame(columns)
        return frame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Grid:
        """Read back one site's rows of `to_frame`."""
        positions = each_once(frame.sort_index()["position"])
        shape = (int(frame["layer"].max()) + 1, len(positions))
        order = frame.assign(column=frame["position"].map({str(p): n for n, p in enumerate(positions)}))
        order = order.sort_values(["layer", "column"])
        known = {name: order[_column(name)].to_numpy().reshape(shape) for name in ARRAYS if _column(name) in order}
        return cls(Site(frame["site"].iloc[0]), positions, **known)


ARRAYS: tuple[str, ...] = tuple(each.name for each in fields(Grid) if each.name not in ("site", "positions"))


def _column(name: str) -> str:
    return "C" if name == "c" else name


@dataclass(frozen=True, repr=False)
class GridScores(ShortRepr):
    """What the grid's probes say of answers they have not seen.

    Attributes:
        site: What was read.
        positions: What axis P holds.
        ids: The answers of train + validation, in the order of axis n.
        scores: float32 (L, P, n), log-odds of being right by the probe of the cell's chosen C that did not see the
            answer; NaN where an answer has no such position or a cell has no probe.
    """

    site: Site
    positions: tuple[Position, ...]
    ids: tuple[RowKey, ...]
    scores: Floats32

    def of(self, cell: Cell) -> Floats32:
        """Return one cell's scores: float32 (n,).

        Raises:
            UsageError: there is no such position.
        """
        scores: Floats32 = self.scores[cell.layer, column_of(self.positions, cell.position)]
        return scores

    def at(self, cell: Cell) -> dict[RowKey, float]:
        """Return one cell's scores by question id, missing ones left out."""
        found = self.of(cell).tolist()
        return {i: score for i, score in zip(self.ids, found, strict=True) if score == score}


def best_cell(grid: Grid) -> Cell:
    """Choose the cell with the highest cross-validated AUC, the earliest layer and position among equals.

    Only cells that at least half of the answers have are looked at: a detector for the rest would be of little use, and
    few answers make a high AUC by chance.

    Raises:
        NotEnoughDataError: there is no such cell.
    """
    wide = wide_cells(grid)
    if not wide.any():
        raise NotEnoughDataError(
            "no cell of the map could be fitted: no position that at least half of the answers have has enough right "
            "and wrong ones; ask more questions"
        )
    auc = np.where(wide, grid.auc, -np.inf)
    layer, column = np.unravel_index(int(np.argmax(auc)), auc.shape)
    return grid.cell(int(layer), int(column))


def wide_cells(grid: Grid) -> Bools:
    """Say which cells have a probe and at least half of the answers; bool (L, P)."""
    return np.asarray((grid.n * 2 >= grid.n.max()) & np.isfinite(grid.auc))


def best_per_position(grid: Grid) -> Sequence[Cell]:
    """Return the best layer of each position among the cells that at least half of the answers have, the best first."""
    auc = np.where(wide_cells(grid), grid.auc, -np.inf)
    best = [(auc[:, p].max(), grid.cell(int(auc[:, p].argmax()), p)) for p in range(auc.shape[1])]
    return [cell for value, cell in sorted(best, key=lambda pair: -pair[0]) if np.isfinite(value)]
