"""What fewer labelled answers would have given, as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from truthmap.report.curves import RIGHT
from truthmap.report.frame import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_sample_size(
    size: np.ndarray[Any, np.dtype[np.int64]],
    auc: np.ndarray[Any, np.dtype[np.float64]],
    axes: Axes | None = None,
    *,
    title: str | None = None,
) -> Axes:
    """Draw AUC against the number of labelled answers: every draw as a dot, the mean of each size as a line.

    Args:
        size: int (m,), answers that a probe learned from, one entry for each draw of them.
        auc: float (m,), its AUC; NaN where a draw had one outcome only.
        axes: Where to draw; by default a new figure is made.
        title: A line above the figure.
    """
    axes = new_axes(4.6, 3.4) if axes is None else axes
    sizes = np.unique(size)
    means = [auc[(size == n) & np.isfinite(auc)].mean() for n in sizes if np.isfinite(auc[size == n]).any()]
    shown = [n for n in sizes if np.isfinite(auc[size == n]).any()]
    axes.plot(size, auc, "o", color=RIGHT, alpha=0.45, markersize=4, label="one draw of answers")
    axes.plot(shown, means, color=RIGHT, linewidth=1.6, label="mean of the draws")
    axes.axhline(0.5, color="0.6", linestyle=":", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    axes.set_xlabel("Labelled answers")
    axes.set_ylabel("AUC of the best cell, out of fold")
    axes.legend(frameon=False, loc="lower right")
    if title:
        axes.set_title(title)
    return axes
