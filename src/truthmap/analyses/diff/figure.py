"""Two maps and their difference as a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.diff.measure import LEVEL, MapDifference, array_of
from truthmap.figures.canvas import figure_of, new_figure
from truthmap.figures.cells import Scale, paint_cells
from truthmap.figures.heatmap import draw_heatmap, label_columns, map_width, new_map_axes

_SMALLEST_SCALE = 0.1  # of AUC: smaller differences than this are never drawn in full colour


def difference_figure(result: MapDifference) -> Figure:
    """Draw both maps and, on the right, the second minus the first."""
    n_layers, n_positions = len(result.difference), len(result.positions)
    figure = new_figure(3 * map_width(1.9 + 0.4 * n_positions), 2.2 + max(2.0, 0.2 * n_layers))
    left, middle, right = figure.subplots(1, 3)
    draw_heatmap(array_of(result.auc_first), left, title=result.first.name, positions=result.positions)
    draw_heatmap(array_of(result.auc_second), middle, title=result.second.name, positions=result.positions)
    draw_difference(result, right)
    return figure


def draw_difference(result: MapDifference, axes: Axes | None = None) -> Axes:
    """Draw the second map minus the first; cells with a dot differ significantly, corrected for all cells."""
    difference = array_of(result.difference)
    n_layers, n_positions = difference.shape
    axes = new_map_axes(n_layers, n_positions) if axes is None else axes
    most = max(_SMALLEST_SCALE, float(np.nanmax(np.abs(difference))))
    scale = Scale("difference in AUC", -most, most)
    cells = paint_cells(axes, difference, "RdBu", scale)
    figure_of(axes).colorbar(cells, ax=axes, pad=0.02).set_label(scale.label)
    with np.errstate(invalid="ignore"):
        layers, columns = np.nonzero(array_of(result.p_corrected) <= LEVEL)
    axes.plot(columns, layers, "o", color="black", markersize=5, markeredgecolor="white", markeredgewidth=0.8)
    label_columns(axes, result.positions)
    axes.set_yticks(range(0, n_layers, 2))
    axes.set_xlabel("Token")
    axes.set_ylabel("Layer")
    axes.set_title(f"{result.second.name} − {result.first.name}\n(dot: p ≤ {LEVEL:g}, corrected)", fontsize=10)
    return axes
