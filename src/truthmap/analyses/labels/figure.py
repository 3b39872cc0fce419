"""The maps of several labels, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from truthmap.figures.canvas import figure_of, new_figure
from truthmap.figures.heatmap import draw_correlations, draw_heatmap
from truthmap.positions import Position
from truthmap.probes.grid import Grid, best_cell
from truthmap.probes.ridge import RidgeMap
from truthmap.text import cut

_COLUMNS = 3


def draw_label_maps(grids: Mapping[str, Grid], title: str) -> Figure:
    """Draw one map for each label, its best cell marked.

    Cells that are not significant are hatched where p-values were computed.

    Args:
        grids: What stands above each map → its grid.
        title: Stands above them all.
    """
    across = min(_COLUMNS, len(grids))
    down = -(-len(grids) // across)
    n_layers = max(grid.auc.shape[0] for grid in grids.values())
    figure = new_figure(8.5 * across, (2.2 + max(2.0, 0.22 * n_layers)) * down)
    places = figure.subplots(down, across, squeeze=False).ravel()
    for place, (label, grid) in zip(places, grids.items(), strict=False):
        known = bool((grid.p_value >= 0).any())
        hatched = grid.p_value > 0.05 if known else None
        draw_heatmap(
            grid.auc, place, title=cut(label, 60), not_significant=hatched, positions=grid.positions,
            best=grid.index(best_cell(grid)),
        )  # fmt: skip
        place.title.set_parse_math(False)
    for place in places[len(grids) :]:
        place.set_axis_off()
    figure.suptitle(title, parse_math=False)
    return figure


def draw_number_map(found: RidgeMap, positions: Sequence[Position], title: str) -> Figure:
    """Draw where a number can be read; the colour is Spearman's rank correlation, out of fold."""
    axes = draw_correlations(found.spearman, title=cut(title, 40), positions=positions, best=found.best())
    axes.title.set_parse_math(False)
    return figure_of(axes)
