"""The kinds of error as a figure: how many there are of each, and the map of each."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.errors.measure import ErrorType, ErrorTypes
from truthmap.figures.canvas import new_axes, new_figure
from truthmap.figures.heatmap import draw_heatmap
from truthmap.probes.grid import Grid, best_cell

COLOURS = {
    ErrorType.CONSISTENTLY_RIGHT: "#31a354",
    ErrorType.CONSISTENTLY_WRONG: "#de2d26",
    ErrorType.TWO_COMPETING: "#756bb1",
    ErrorType.MANY_DIFFERENT: "#fd8d3c",
    ErrorType.REFUSES: "#636363",
}
_NO_TYPE = "#d9d9d9"


def error_types_figure(result: ErrorTypes, grids: Mapping[ErrorType, Grid]) -> Figure:
    """Draw the types' sizes, and beside them the map of each type that could be probed."""
    n = 1 + len(grids)
    columns = min(n, 3)
    rows = -(-n // columns)
    n_layers = max((grid.auc.shape[0] for grid in grids.values()), default=10)
    figure = new_figure(6.6 * columns, rows * (2.4 + max(2.0, 0.17 * n_layers)))
    places = list(figure.subplots(rows, columns, squeeze=False).ravel())
    draw_error_types(result, places[0])
    scores = {score.type: score for score in result.types}
    for axes, (kind, grid) in zip(places[1:], grids.items(), strict=False):
        test, site = scores[kind].test, scores[kind].site
        said = "" if test is None else f" ({site}): test AUC {test.short}"
        best = None if test is None else grid.index(best_cell(grid))  # a map of narrow cells alone has none
        draw_heatmap(grid.auc, axes, title=f"{label_of(kind)}{said}", positions=grid.positions, best=best)
    for axes in places[n:]:
        axes.set_axis_off()
    return figure


def draw_error_types(result: ErrorTypes, axes: Axes | None = None) -> Axes:
    """Draw how many questions are of each type, and how many of none."""
    axes = new_axes(6.6, 3.6) if axes is None else axes
    sizes = {label_of(score.type): score.n for score in result.types}
    colours = [COLOURS[score.type] for score in result.types]
    if result.without_type:
        sizes["no type"] = result.without_type
        colours.append(_NO_TYPE)
    bars = axes.barh(list(sizes), list(sizes.values()), color=colours)
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(f"questions, of {result.sampled} sampled {result.k} times")
    axes.set_title(f"{result.model} on {result.questions}")
    axes.margins(x=0.12)
    return axes


def label_of(kind: ErrorType) -> str:
    """Return a type's name for readers."""
    return str(kind).replace("_", " ")
