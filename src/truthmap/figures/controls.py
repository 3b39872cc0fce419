"""The map's controls, drawn like the map itself: significance, gain over the words alone, AUC within one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from truthmap.arrays import Floats
from truthmap.figures.heatmap import Scale, draw_cells, figure_of
from truthmap.positions import PAPER, Position

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_P_TICKS = (1.0, 0.1, 0.05, 0.01, 0.001, 0.0001)


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
    return axes


def draw_gain(
    auc: Floats,
    text_baseline_auc: Floats,
    axes: Axes | None = None,
    *,
    title: str | None = None,
    positions: Sequence[Position] = PAPER,
) -> Axes:
    """Draw how far each cell's AUC (L, P) lies above that of the words alone (L, P); cells below are marked with −."""
    gain = auc - text_baseline_auc
    highest = max(0.05, float(np.nanmax(gain))) if np.isfinite(gain).any() else 0.05
    axes = draw_cells(
        gain, Scale("AUC gained over the words alone", 0, highest), axes, title=title, positions=positions
    )
    for layer, column in np.argwhere(gain <= 0):
        axes.plot(column, layer, marker="_", color="0.25", markersize=4)
    return axes


def draw_within(
    within_auc: Floats, axes: Axes | None = None, *, title: str | None = None, positions: Sequence[Position] = PAPER
) -> Axes:
    """Draw the AUC within one exact answer (L, P)."""
    return draw_cells(
        within_auc, Scale("AUC within one exact answer", 0.5, 1.0), axes, title=title, positions=positions
    )
