"""How high shuffled labels get, against the map's best cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from truthmap.arrays import Floats
from truthmap.figures.heatmap import small_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_null(null: Floats, best: float, axes: Axes | None = None) -> Axes:
    """Draw the largest AUC on the map of each label shuffle, float64 (permutations,), and the best cell's own AUC."""
    axes = small_axes() if axes is None else axes
    axes.hist(null, bins="auto", color="#9ecae1", edgecolor="white", label=f"{len(null)} shuffles of the labels")
    axes.axvline(float(np.quantile(null, 0.95)), color="0.35", linestyle=":", label="95 % of them lie below")
    axes.axvline(best, color="#08306b", linewidth=2, label="best cell of the map")
    axes.set_xlim(min(0.5, float(null.min())) - 0.01, max(best, float(null.max())) + 0.02)
    axes.set_xlabel("Largest AUC on the map")
    axes.set_ylabel("Shuffles")
    axes.legend(frameon=False)
    return axes
