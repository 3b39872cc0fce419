"""What shuffled labels reach anywhere on the map, as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from truthmap.report.curves import RIGHT
from truthmap.report.frame import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_null(
    largest: np.ndarray[Any, np.dtype[np.float64]], best: float, axes: Axes | None = None, *, title: str | None = None
) -> Axes:
    """Draw the largest AUC on the map for each shuffle of the labels (m,), with the AUC that the map really reaches."""
    axes = new_axes(4.6, 3.2) if axes is None else axes
    axes.hist(largest, bins=20, color="0.75", edgecolor="0.4", label=f"{len(largest)} shuffles of the labels")
    axes.axvline(best, color=RIGHT, linewidth=2, label=f"the map's best cell: {best:.3f}")
    axes.set_xlabel("Largest AUC anywhere on the map")
    axes.set_ylabel("Shuffles")
    axes.legend(frameon=False)
    if title:
        axes.set_title(title)
    return axes
