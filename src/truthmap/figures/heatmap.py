"""The map as a figure: layers down, token positions across, colour is the AUC of the probe in each cell.

Its controls are drawn like the map itself: significance, gain over the text baseline, AUC within one answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from truthmap.arrays import Bools, Floats
from truthmap.figures.canvas import figure_of, new_axes
from truthmap.figures.cells import Scale, paint_cells
from truthmap.positions import PAPER, Group, Position, runs_of

_CHANCE, _PERFECT = 0.5, 1.0
_MANY = 48  # columns that are read one by one
_WIDEST = 24.0  # inches
_INCHES_PER_LABEL = 0.3  # of a column's name, set slanting
_INCHES_PER_LETTER = 0.1
_BAND = 0.05  # of the map's height, above it
_INCHES_PER_ENTRY = 2.4  # of a legend above a map
_BOX: Any = {"fill": False, "edgecolor": "black", "linewidth": 2}
_BOX_COLOURS = {Group.THOUGHT: "#d95f02", Group.FINAL: "#1b9e77"}
_HATCHED: Any = {"fill": False, "hatch": "////", "edgecolor": "0.6", "linewidth": 0}
_STAR: Any = {"marker": "*", "markersize": 11, "markerfacecolor": "#ffd92f", "markeredgecolor": "black", "zorder": 5}
_P_TICKS = (1.0, 0.1, 0.05, 0.01, 0.001, 0.0001)


def draw_heatmap(
    auc: Floats,
    axes: Axes | None = None,
    *,
    title: str | None = None,
    not_significant: Bools | None = None,
    positions: Sequence[Position] = PAPER,
    best: tuple[int, int] | None = None,
) -> Axes:
    """Draw the map of a grid.

    Args:
        auc: float (L, P), the AUC of each cell; NaN (no probe could be fitted) is drawn grey.
        axes: Where to draw; by default a new figure is made.
        title: A line above the map.
        not_significant: bool (L, P); these cells are hatched.
        positions: What the columns are, P of them.
        best: Layer and column of the best cell, which is marked with a star.

    Returns:
        The axes drawn on, with a legend above them of what is marked; its `figure` also holds the colour bar.
    """
    axes = draw_cells(auc, Scale("AUC", _CHANCE, _PERFECT), axes, title=title, positions=positions)
    if not_significant is not None:
        for layer, start, end in _stretches(not_significant):
            axes.add_patch(Rectangle((start - 0.5, layer - 0.5), end - start, 1, **_HATCHED))
    entries = _star(axes, auc, best)
    if not_significant is not None and not_significant.any():
        entries.append(Patch(label="not significant (p > 0.05)", **_HATCHED))
    _explain(axes, auc, positions, entries)
    return axes


def draw_correlations(
    spearman: Floats, *, title: str, positions: Sequence[Position] = PAPER, best: tuple[int, int] | None = None
) -> Axes:
    """Draw where a number can be read: Spearman's rank correlation in each cell (L, P), NaN where there is none."""
    axes = draw_cells(spearman, Scale("Spearman correlation", 0.0, 1.0), title=title, positions=positions)
    _explain(axes, spearman, positions, _star(axes, spearman, best))
    return axes


def _star(axes: Axes, values: Floats, best: tuple[int, int] | None) -> list[Artist]:
    """Mark the best cell, if there is one; return what says so."""
    if best is None:
        return []
    mark_cell(axes, best)
    return [Line2D([], [], linestyle="none", label=f"best cell, {values[best]:.2f} cross-validated", **_STAR)]


def mark_cell(axes: Axes, cell: tuple[int, int]) -> None:
    """Put a star on a cell of a map: its layer and its column."""
    layer, column = cell
    axes.plot(column, layer, **_STAR)


def _explain(axes: Axes, values: Floats, positions: Sequence[Position], marks: Sequence[Artist] = ()) -> None:
    """Say above the map what its box, other marks and grey cells mean, as far as there are any."""
    groups = dict.fromkeys(position.group for position in positions)
    entries: list[Artist] = [Patch(label=group.boxed, **_box_of(group)) for group in groups if group.boxed is not None]
    entries += marks
    if not np.isfinite(values).all():
        entries.append(Patch(facecolor="0.85", label="too few answers"))
    if not entries:
        return
    n_columns = max(1, min(len(entries), int(figure_of(axes).get_figwidth() / _INCHES_PER_ENTRY)))
    bottom = 1 + (_BAND if has_bands(positions) else 0)
    legend = axes.legend(
        handles=entries, loc="lower left", bbox_to_anchor=(0, bottom), ncols=n_columns, frameon=False, fontsize="small",
        borderaxespad=0.3, handlelength=1.6, columnspacing=1.2,
    )  # fmt: skip
    rows = -(-len(entries) // n_columns)
    size = float(legend.get_texts()[0].get_fontsize())
    bands = 2.2 * size if has_bands(positions) else 0
    axes.set_title(axes.get_title(), pad=6 + (1.6 * rows + 0.6) * size + bands)


def draw_significance(
    p_value: Floats, axes: Axes | None = None, *, title: str | None = None, positions: Sequence[Position] = PAPER
) -> Axes:
    """Draw corrected p-values (L, P) on a logarithmic scale: the darker, the stronger the evidence."""
    known = p_value[np.isfinite(p_value)]
    least = min(float(known.min()), 0.01) if known.size else 0.01
    least = max(least, _P_TICKS[-1])
    strength = -np.log10(np.clip(p_value, least, 1.0))
    scale = Scale("p-value, corrected for looking at every cell", 0.0, float(-np.log10(least)))
    axes = draw_cells(strength, scale, axes, title=title, positions=positions)
    bar = figure_of(axes).axes[-1]
    ticks = [p for p in _P_TICKS if p >= least]
    bar.set_yticks([-np.log10(p) for p in ticks], [f"{p:g}" for p in ticks])
    _explain(axes, p_value, positions)
    return axes


def draw_gain(
    auc: Floats,
    text_baseline_auc: Floats,
    axes: Axes | None = None,
    *,
    title: str | None = None,
    positions: Sequence[Position] = PAPER,
) -> Axes:
    """Draw how far each cell's AUC (L, P) lies above the text baseline's (L, P); cells below are marked with −."""
    gain = auc - text_baseline_auc
    highest = max(0.05, float(np.nanmax(gain))) if np.isfinite(gain).any() else 0.05
    scale = Scale("AUC gained over the text baseline", 0, highest)
    axes = draw_cells(gain, scale, axes, title=title, positions=positions)
    dash: Any = {"marker": "_", "color": "0.25", "markersize": 4}
    layers, columns = np.nonzero(gain <= 0)
    axes.plot(columns, layers, linestyle="none", **dash)
    marks = [Line2D([], [], linestyle="none", label="no gain", **dash)] if (gain <= 0).any() else []
    _explain(axes, gain, positions, marks)
    return axes


def draw_within(
    within_auc: Floats, axes: Axes | None = None, *, title: str | None = None, positions: Sequence[Position] = PAPER
) -> Axes:
    """Draw the AUC within one exact answer (L, P)."""
    scale = Scale("AUC within one exact answer", _CHANCE, _PERFECT)
    axes = draw_cells(within_auc, scale, axes, title=title, positions=positions)
    _explain(axes, within_auc, positions)
    return axes


def draw_cells(
    values: Floats,
    scale: Scale,
    axes: Axes | None = None,
    *,
    title: str | None = None,
    positions: Sequence[Position] = PAPER,
) -> Axes:
    """Draw a value in every cell, as a map: values float (L, P); NaN is drawn grey.

    Returns:
        The axes drawn on; its `figure` also holds the colour bar, as its last axes.
    """
    n_layers, n_positions = values.shape
    axes = new_map_axes(n_layers, n_positions) if axes is None else axes
    cells = paint_cells(axes, values, _blues(), scale)
    bar = figure_of(axes).colorbar(cells, ax=axes, pad=0.02)
    bar.set_label(scale.label)
    label_columns(axes, positions)
    axes.set_yticks(range(0, n_layers, 2))
    axes.set_xlabel("Token")
    axes.set_ylabel("Layer")
    if title:
        axes.set_title(title)
    _box_groups(axes, n_layers, positions)
    if has_bands(positions):
        _draw_bands(axes, positions)
    return axes


def new_map_axes(n_layers: int, n_positions: int) -> Axes:
    """Return axes on a new figure of the size that suits a map."""
    return new_axes(map_width(2.2 + 0.45 * n_positions), 2.0 + max(2.0, 0.22 * n_layers))


def map_width(wanted: float) -> float:
    """Return the width of a map in inches: what its columns would like, as far as a page can show it."""
    return min(wanted, _WIDEST)


def has_bands(positions: Sequence[Position]) -> bool:
    """Tell whether columns are too many to be read one by one: bands above the map then name their groups."""
    return len(positions) > _MANY


def label_columns(axes: Axes, positions: Sequence[Position]) -> None:
    """Name the columns of a map: every one, or as many as stand side by side, the first of each group among them."""
    spec = axes.get_subplotspec()
    room = figure_of(axes).get_figwidth() / (1 if spec is None else spec.get_gridspec().ncols)
    step = max(1, int(np.ceil(len(positions) * _INCHES_PER_LABEL / room))) if has_bands(positions) else 1
    groups = sorted(runs_of(positions), key=lambda run: run[1] - run[2])
    ticks: list[int] = []
    # The starts of wide groups have their names first, then what fits between them.
    for column in (*(start for _, start, _ in groups), *(n for _, a, b in groups for n in range(a, b, step))):
        if all(abs(column - tick) >= step for tick in ticks):
            ticks.append(column)
    ticks.sort()
    axes.set_xticks(ticks, [str(positions[column]) for column in ticks], rotation=45, ha="right")


def _stretches(chosen: Bools) -> Iterator[tuple[int, int, int]]:
    """Yield the chosen cells that stand side by side: their layer, first column and one past the last."""
    for layer, row in enumerate(chosen):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]])))
        yield from ((layer, int(a), int(b)) for a, b in edges.reshape(-1, 2))


def _draw_bands(axes: Axes, positions: Sequence[Position]) -> None:
    """Name the groups of columns above a map, where they are wide enough to hold a name."""
    per_column = figure_of(axes).get_figwidth() * 0.8 / len(positions)
    for number, (group, start, end) in enumerate(runs_of(positions)):
        shade = "0.80" if number % 2 else "0.90"
        axes.add_patch(
            Rectangle(
                (start - 0.5, 1.0), end - start, _BAND * 0.8, transform=axes.get_xaxis_transform(), facecolor=shade,
                edgecolor="white", linewidth=1, clip_on=False,
            )
        )  # fmt: skip
        if (end - start) * per_column > _INCHES_PER_LETTER * len(group):
            axes.text(
                (start + end - 1) / 2, 1.0 + _BAND * 0.4, str(group), transform=axes.get_xaxis_transform(),
                ha="center", va="center", fontsize="small",
            )  # fmt: skip


def _box_groups(axes: Axes, n_layers: int, positions: Sequence[Position]) -> None:
    for group, start, end in runs_of(positions):
        if group.boxed is not None:
            axes.add_patch(
                Rectangle((start - 0.5, -0.5), end - start, n_layers, clip_on=False, zorder=4, **_box_of(group))
            )


def _box_of(group: Group) -> Any:
    return {**_BOX, "edgecolor": _BOX_COLOURS.get(group, _BOX["edgecolor"])}


def _blues() -> Colormap:
    """Light blue to dark blue: chance is a colour of its own, not the white of the page."""
    return LinearSegmentedColormap.from_list("truthmap", colormaps["Blues"](np.linspace(0.12, 1.0, 256)))
