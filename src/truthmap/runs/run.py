"""A run that was made, as the library and the commands open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from truthmap.arrays import Floats
from truthmap.positions import Position
from truthmap.records import Site
from truthmap.runs.cell_dataset import CellDataset, Place
from truthmap.runs.cell_states import CellStates
from truthmap.runs.folder import run_folder
from truthmap.runs.stored_run import StoredRun
from truthmap.shaded_answer import ShadedAnswer
from truthmap.shown import Shown, TextTable

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Run(Shown, StoredRun):
    """A run folder, opened for reading; `RunData.load` gives all that it holds, as records.

    Its methods give arrays and tables; each file is read when it is first asked for, and never again.

    Attributes:
        folder: The folder, which knows its address.
        last: The last of the stages that are read.
    """

    def states(self, layer: int, position: Position | str, site: Site | str | None = None) -> CellStates:
        """Return the stored states of a cell with the outcomes: `X, y, ids, groups, split`, a row per scored answer.

        Rows that have no such position are left out. `dataset` also reads, with the model, what was not stored.

        Args:
            layer: The layer; from the end, if negative.
            position: The position, or its name.
            site: What was read; by default what the run has stored first.

        Raises:
            UsageError: there is no such layer, position or site, or the run has not stored it.
            DamagedFileError: a file is not as it was written.
        """
        found: CellStates = _load("cells:cell_states")(self._data, layer, position, site)
        return found

    def dataset(
        self, layer: int, position: Position | str | Place, *, site: Site | str | None = None, lm: Any = None
    ) -> CellDataset:
        """Return the states of a cell with their labels, folds and groups, to fit a probe of your own to.

        Args:
            layer: The layer; from the end, if negative.
            position: A position by its name, a rule (`answer[3]`, `exact[-1]+2`), or a function of an answer and its
                grade that gives the token's index in prompt ids + answer ids, or `None`.
            site: What to read; by default what the run has stored first.
            lm: The run's model, a `LanguageModel`; it reads what the run has not stored.

        Raises:
            UsageError: there is no such layer, position or site, or the model is needed and not given.
        """
        found: CellDataset = self._data.dataset(layer, position, site=site, lm=lm)
        return found

    def answers(
        self, layer: int | None = None, position: Position | str | None = None, site: Site | str | None = None
    ) -> pd.DataFrame:
        """Return the graded answers as a table, a row each, with the score of a cell, by default the best one.

        Its columns: id, question_id, sample, claim, question, accepted, answer, outcome, exact_answer, start and end
        (its characters in the answer), rule, why, refusal, split, fold, group, score. The score is the log-odds of
        being right by a probe that has not seen the answer; NaN where there is none.

        Raises:
            UsageError: there is no such layer, position or site.
            DamagedFileError: a file is not as it was written.
        """
        named = (layer, position, site) != (None, None, None)
        has_cell = named or self.why_no_map is None
        cell = _load("cells:chosen_cell")(self._data, layer, position, site) if has_cell else None
        table: pd.DataFrame = _load("answer_table:answer_table")(self._data, cell)
        return table

    def direction(
        self, layer: int | None = None, position: Position | str | None = None, site: Site | str | None = None
    ) -> Floats:
        """Return the direction in which a cell's log-odds of being right rise fastest: float64 (d,), of length 1.

        It is that of the cell's probe, by default the best cell's, refitted on train + validation; in the space of the
        states as the model has them.

        Raises:
            UsageError: there is no such layer, position or site.
            NotEnoughDataError: the run has no map, or too few right or wrong answers have the cell.
        """
        cell = _load("cells:chosen_cell")(self._data, layer, position, site)
        found: Floats = _load("cells:cell_probe")(self._data, cell).direction
        return found

    def show(self, answer_id: str, by: str | None = None) -> ShadedAnswer:
        """Return an answer to be read, its tokens shaded by a score; print it, or let a notebook show it.

        Args:
            answer_id: Its id, as `answers` has it; of an answer with several claims, the claim whose place is read.
            by: `probe`: P(right) as the map's probes in the best cell's layer read it at the positions of the map, by
                probes that have not seen the answer. `log_prob`: the probability with which the model chose each token.
                By default the probes, where the run has a map.

        Raises:
            UsageError: there is no such answer or score.
            NotEnoughDataError: the probes are asked for, and the run has no map.
        """
        usual = "probe" if self.why_no_map is None else "log_prob"
        found: ShadedAnswer = _load("answer_view:shade_answer")(self._data, answer_id, by or usual)
        return found

    def plot(self, ax: Axes | None = None, site: Site | str | None = None) -> Axes:
        """Draw the map on your own axes, or on a new figure's; return the axes.

        Args:
            ax: Matplotlib axes.
            site: What was read; by default what the best cell reads.

        Raises:
            NotEnoughDataError: the run has no map.
            UsageError: there is no such site.
        """
        grid, star = self._map(site)
        draw = resolve_name("truthmap.figures.heatmap:draw_heatmap")
        drawn: Axes = draw(grid.auc, ax, positions=grid.positions, best=star)
        return drawn

    def plot_interactive(self, site: Site | str | None = None) -> go.Figure:
        """Return the map as a Plotly figure: a notebook shows it, and each cell says its numbers under the pointer.

        Showing it inline needs the extra `notebook`; `write_html` writes it to a file without.

        Args:
            site: What was read; by default what the best cell reads.

        Raises:
            NotEnoughDataError: the run has no map.
            UsageError: there is no such site.
        """
        grid, star = self._map(site)
        draw = resolve_name("truthmap.figures.interactive:interactive_map")
        title = f"{self.summary.headline} ({grid.site})"
        plain = grid._repr_html_()
        return draw(grid.auc, grid.positions, grid.notes(), title=title, best=star, plain=plain)

    def _map(self, site: Site | str | None) -> tuple[Any, tuple[int, int] | None]:
        """Return a site's grid, and the best cell's layer and column where it is on it."""
        best = self.summary
        grid = self._data.grid(None if site is None else _load("cells:site_named")(site))
        return grid, (best.layer, grid.positions.index(best.position)) if grid.site is best.site else None

    def _line(self) -> str:
        return repr(self.address)

    def _tables(self) -> Sequence[TextTable]:
        title = f"Run {self.address}"
        if self.why_no_map is not None:
            return [(title, ("", ""), [("map", f"none: {self.why_no_map}")])]
        found = self.summary
        title = " – ".join(filter(None, (title, found.decides_nothing)))
        return [(title, ("", ""), [("model", found.model), ("questions", found.questions), *found.facts])]

    @cached_property
    def _data(self) -> Any:
        return _load("data:RunData").load(self)


def _load(name: str) -> Any:
    """Load what stands beside this module when it is first needed: naming it loads neither torch nor pandas."""
    return resolve_name(f"truthmap.runs.{name}")


def open_run(path: Path | str) -> Run:
    """Open a finished run: in a folder, or at a URL that fsspec opens, from which what has changed is fetched.

    A run from whose answers no map can be drawn is opened too: it has `why_no_map`, answers and grades, and no summary.

    All that is read of it is checked here, once, against its ledger; its hidden states, as they are read.

    Raises:
        RunFolderError: the folder is no run, the run is not finished, or an update of it was stopped or is running.
        DamagedFileError: a file of it is missing, or not as it was written.
        StorageError: the URL cannot be reached.
    """
    folder = run_folder(path)
    folder.refresh()
    run = Run(folder)
    run.snapshot  # noqa: B018 (checked now)
    return run
