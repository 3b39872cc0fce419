"""Every figure of a run by its kind, drawn from saved numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truthmap.arrays import Floats
from truthmap.errors import RunFolderError, UsageError
from truthmap.records import POSITIONS, Position, Site
from truthmap.report.analysis_figures import ANALYSIS_FIGURES, Draw
from truthmap.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from truthmap.metrics.curves import CellDetails
    from truthmap.report.maps import SiteMap

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Choice:
    """What of a run to draw.

    Attributes:
        site: By default the best cell's.
        layer, position: A cell, for the figures of one cell; by default the best one.
        title: A line above the figure.
    """

    site: Site | None = None
    layer: int | None = None
    position: Position | None = None
    title: str | None = None


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure: what it shows, and what draws it."""

    shows: str
    draw: Callable[[Run, Choice, Axes | None], Axes]


def draw_figure(run: Run, kind: str, choice: Choice = Choice(), axes: Axes | None = None) -> Axes:
    """Draw one figure of a run.

    Args:
        run: A finished run.
        kind: One of `FIGURES`.
        choice: Site, cell and title.
        axes: Where to draw; by default a new figure is made.

    Returns:
        The axes drawn on.

    Raises:
        UsageError: there is no such kind, site or cell.
        RunFolderError: the run lacks the numbers for it.
    """
    if kind not in FIGURES:
        raise UsageError(f"there is no figure {kind!r}; there are {', '.join(FIGURES)}")
    return FIGURES[kind].draw(run, choice, axes)


def _map(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.heatmap import draw_heatmap

    return draw_heatmap(_site(run, choice).columns["auc"], axes, title=choice.title)


def _hatched_map(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.heatmap import draw_heatmap

    found = _site(run, choice)
    p_value = _column(run, found, "p_value")
    return draw_heatmap(found.columns["auc"], axes, title=choice.title, not_significant=p_value >= _SIGNIFICANT)


def _significance(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.heatmap import draw_significance

    return draw_significance(_column(run, _site(run, choice), "p_value"), axes, title=choice.title)


def _gain(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.heatmap import draw_gain

    found = _site(run, choice)
    return draw_gain(found.columns["auc"], _column(run, found, "text_baseline_auc"), axes, title=choice.title)


def _within(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.heatmap import draw_within

    return draw_within(_column(run, _site(run, choice), "within_auc"), axes, title=choice.title)


def _roc(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.curves import draw_roc

    cell = _cell(run, choice)
    return draw_roc(cell.scores.roc(), axes, title=choice.title, label=f"{cell.name}\nAUC {cell.auc:.3f}")


def _histogram(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.curves import draw_histogram

    return draw_histogram(_cell(run, choice).scores.histogram(), axes, title=choice.title)


def _calibration(run: Run, choice: Choice, axes: Axes | None) -> Axes:
    from truthmap.figures.curves import draw_calibration

    return draw_calibration(_cell(run, choice).scores.calibration(), axes, title=choice.title)


def _of_analysis(draw: Draw) -> Callable[[Run, Choice, Axes | None], Axes]:
    """Make a figure that has no choice of cell one of the kinds; a title takes the place of its own."""

    def drawn(run: Run, choice: Choice, axes: Axes | None) -> Axes:
        axes = draw(run, axes)
        if choice.title is not None:
            axes.set_title(choice.title)
        return axes

    return drawn


FIGURES: Mapping[str, FigureKind] = {
    "map": FigureKind("AUC in every cell", _map),
    "hatched-map": FigureKind("AUC in every cell, cells that are not significant hatched", _hatched_map),
    "significance": FigureKind("corrected p-value in every cell", _significance),
    "gain": FigureKind("AUC gained over the words alone in every cell", _gain),
    "within": FigureKind("AUC within one exact answer in every cell", _within),
    "roc": FigureKind("ROC curve of one cell", _roc),
    "histogram": FigureKind("right and wrong answers by one cell's predicted probability", _histogram),
    "calibration": FigureKind("predicted probability against share right, of one cell", _calibration),
    **{name: FigureKind(shows, _of_analysis(draw)) for name, (shows, draw) in ANALYSIS_FIGURES.items()},
}
"""Every kind of figure, by name."""


@dataclass(frozen=True)
class _Cell:
    name: str
    auc: float
    scores: CellDetails


def _site(run: Run, choice: Choice) -> SiteMap:
    from truthmap.report.page_maps import site_map

    site = choice.site or run.summary.site
    known = sorted(run.cells()["site"].unique())
    if str(site) not in known:
        raise UsageError(f"{run.path} has no site {site}; it has {', '.join(known)}")
    return site_map(run, site)


def _column(run: Run, found: SiteMap, name: str) -> Floats:
    if name not in found.columns:
        raise RunFolderError(f"the grid in {run.path} has no column {name}; run the study again to have it computed")
    return found.columns[name]


def _cell(run: Run, choice: Choice) -> _Cell:
    """Return the chosen cell's out-of-fold scores."""
    found, summary = _site(run, choice), run.summary
    layer = summary.layer if choice.layer is None else choice.layer
    position = choice.position or summary.position
    n_layers, _ = found.shape
    if not 0 <= layer < n_layers:
        raise UsageError(f"there is no layer {layer}; the map has layers 0 to {n_layers - 1}")
    if found.scores is None:
        raise RunFolderError(f"{run.path} keeps no scores of its cells; run the study again to have them computed")
    column = POSITIONS.index(position)
    auc = float(found.columns["auc"][layer, column])
    return _Cell(f"layer {layer}, {position}", auc, found.scores.cell(layer, column))
