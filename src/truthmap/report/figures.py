"""Every figure of a run by its kind, drawn from saved numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from matplotlib.axes import Axes

from truthmap.analyses.saved import SavedAnalysis
from truthmap.arrays import Floats
from truthmap.errors import RunFolderError, UsageError
from truthmap.figures.canvas import set_wrapped_title
from truthmap.figures.curves import (
    draw_calibration,
    draw_histogram,
    draw_learning_curve,
    draw_permutation_null,
    draw_roc,
)
from truthmap.figures.heatmap import draw_gain, draw_heatmap, draw_significance, draw_within
from truthmap.metrics.curves import CellDetails
from truthmap.positions import Position, column_of
from truthmap.records import Site
from truthmap.report.figure_kinds import ANALYSIS_FIGURES, FIGURES
from truthmap.report.maps import SiteMap, site_columns, site_scores
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class FigureChoice:
    """What of a run to draw.

    Attributes:
        site: By default the best cell's.
        layer, position: A cell, for the figures of one cell; by default the best one.
        title: Stands above the figure; by default what it shows, of which run; an empty one is left out.
    """

    site: Site | None = None
    layer: int | None = None
    position: Position | None = None
    title: str | None = None


def draw_figure(run: Run, kind: str, choice: FigureChoice = FigureChoice(), axes: Axes | None = None) -> Axes:
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
    data, draw = RunData.load(run), FIGURES[kind].load()
    analysis = ANALYSIS_FIGURES.get(kind)
    if analysis is None or analysis.saved is None:
        drawn = cast("Axes", draw(data, choice, axes))
    else:
        result = SavedAnalysis(data.path(ANALYSES), analysis.name, run).result(analysis.saved.load_kind())
        drawn = cast("Axes", draw(result, axes))
    own = drawn.get_title() or f"{data.summary.headline}: {FIGURES[kind].shows}"
    set_wrapped_title(drawn, own if choice.title is None else choice.title)
    return drawn


def draw_map(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw the AUC in every cell."""
    found = _site(data, choice)
    return draw_heatmap(found.columns["auc"], axes, positions=found.positions, best=_best(data, found))


def draw_hatched_map(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw the AUC in every cell, hatched where it is not significant."""
    found = _site(data, choice)
    hatched = _column(data, found, "p_value") > _SIGNIFICANT
    return draw_heatmap(
        found.columns["auc"], axes, not_significant=hatched, positions=found.positions, best=_best(data, found)
    )


def draw_p_values(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw the corrected p-value in every cell."""
    found = _site(data, choice)
    return draw_significance(_column(data, found, "p_value"), axes, positions=found.positions)


def draw_gain_map(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw the gain over the text baseline in every cell."""
    found = _site(data, choice)
    baseline = _column(data, found, "text_baseline_auc")
    return draw_gain(found.columns["auc"], baseline, axes, positions=found.positions)


def draw_within_map(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw the AUC within one exact answer in every cell."""
    found = _site(data, choice)
    return draw_within(_column(data, found, "within_auc"), axes, positions=found.positions)


def draw_cell_roc(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw one cell's ROC curve."""
    cell = _cell(data, choice)
    return draw_roc(cell.scores.roc(), axes, label=f"{cell.name}\nAUC {cell.auc:.3f}")


def draw_cell_histogram(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw right and wrong answers by one cell's predicted probability."""
    return draw_histogram(_cell(data, choice).scores.histogram(), axes)


def draw_cell_calibration(data: RunData, choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw one cell's calibration."""
    return draw_calibration(_cell(data, choice).scores.calibration(), axes)


def draw_learning(data: RunData, _choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw what fewer labelled answers would have given."""
    return draw_learning_curve(data.learning_curve, axes)


def draw_null(data: RunData, _choice: FigureChoice, axes: Axes | None) -> Axes:
    """Draw what permuted labels reach anywhere on the map."""
    largest = data.permutation_null
    if not len(largest):
        raise RunFolderError(
            f"the labels of {data.run.address} were not shuffled; run it with --permutations 100 --update"
        )
    return draw_permutation_null(largest, data.summary.validation.value, axes)


@dataclass(frozen=True)
class _Cell:
    name: str
    auc: float
    scores: CellDetails


def _site(data: RunData, choice: FigureChoice) -> SiteMap:
    site = choice.site or data.summary.site
    if site not in data.sites:
        raise UsageError(f"{data.run.address} has no site {site}; it has {', '.join(sorted(map(str, data.sites)))}")
    return site_columns(data, site)


def _best(data: RunData, found: SiteMap) -> tuple[int, int] | None:
    """Return layer and column of the run's best cell, if it is on this map."""
    summary = data.summary
    return (summary.layer, column_of(found.positions, summary.position)) if found.site is summary.site else None


def _column(data: RunData, found: SiteMap, name: str) -> Floats:
    if name not in found.columns:
        raise RunFolderError(
            f"the grid in {data.run.address} has no column {name}; run the study again to have it computed"
        )
    return found.columns[name]


def _cell(data: RunData, choice: FigureChoice) -> _Cell:
    """Return the chosen cell's out-of-fold scores."""
    found, summary = _site(data, choice), data.summary
    layer = summary.layer if choice.layer is None else choice.layer
    position = choice.position or summary.position
    n_layers, _ = found.shape
    if not 0 <= layer < n_layers:
        raise UsageError(f"there is no layer {layer}; the map has layers 0 to {n_layers - 1}")
    scores = site_scores(data, found.site)
    if scores is None:
        raise RunFolderError(
            f"{data.run.address} keeps no scores of its cells; run the study again to have them computed"
        )
    column = column_of(found.positions, position)
    auc = float(found.columns["auc"][layer, column])
    return _Cell(f"layer {layer}, {position}", auc, scores.cell(layer, column))
