"""The sample-size curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from truthmap.figures.heatmap import small_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def draw_curve(curve: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """Draw the AUC by the number of labelled answers: columns `size`, `repeat`, `auc`; dots are single draws."""
    axes = small_axes() if axes is None else axes
    mean = curve.groupby("size")["auc"].mean()
    axes.plot(curve["size"], curve["auc"], ".", color="#9ecae1")
    axes.plot(mean.index, mean, "-o", color="#08519c", markersize=4)
    axes.set_xscale("log")
    axes.set_xticks(list(mean.index), [str(size) for size in mean.index])
    axes.minorticks_off()
    axes.set_xlabel("Labelled answers to learn from")
    axes.set_ylabel("AUC of the best cell, cross-validated")
    axes.grid(visible=True, color="0.9")
    return axes
