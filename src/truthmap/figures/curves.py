"""Curves as figures: one cell's ROC, histogram by outcome and calibration; the run's learning curve and null."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from truthmap.arrays import Floats
from truthmap.figures.canvas import new_axes
from truthmap.metrics.curves import Calibration, Histogram, RocCurve

RIGHT, WRONG = "#08519c", "#c2570c"
_SIZE = (4.2, 3.6)


def draw_roc(curve: RocCurve, axes: Axes | None = None, *, title: str | None = None, label: str | None = None) -> Axes:
    """Draw a ROC curve; `label` names it in a legend."""
    axes = new_axes(*_SIZE) if axes is None else axes
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
    axes.plot(curve.false_positive, curve.true_positive, color=RIGHT, linewidth=1.8, label=label)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.set_xlabel("False positive rate")
    axes.set_ylabel("True positive rate")
    if label:
        axes.legend(loc="lower right", frameon=False, handlelength=1.2)
    return _titled(axes, title)


def draw_histogram(histogram: Histogram, axes: Axes | None = None, *, title: str | None = None) -> Axes:
    """Draw right and wrong answers by predicted probability, told apart without colour by their hatching."""
    axes = new_axes(*_SIZE) if axes is None else axes
    width = np.diff(histogram.edges)
    left = histogram.edges[:-1]
    axes.bar(left, histogram.right, width * 0.45, align="edge", color=RIGHT, label="right")
    axes.bar(
        left + width * 0.5, histogram.wrong, width * 0.45, align="edge", facecolor="white", edgecolor=WRONG,
        hatch="////", linewidth=0.8, label="wrong",
    )  # fmt: skip
    axes.set_xlim(histogram.edges[0], histogram.edges[-1])
    axes.set_xlabel("Predicted P(right)")
    axes.set_ylabel("Answers")
    axes.legend(frameon=False)
    return _titled(axes, title)


def draw_calibration(calibration: Calibration, axes: Axes | None = None, *, title: str | None = None) -> Axes:
    """Draw the fraction of right answers against predictions, with 95 % intervals."""
    axes = new_axes(*_SIZE) if axes is None else axes
    share = calibration.right / calibration.n
    low, high = calibration.interval()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
    axes.errorbar(
        calibration.predicted, share, yerr=np.maximum([share - low, high - share], 0), fmt="o", color=RIGHT,
        markersize=4, capsize=2, linewidth=1,
    )  # fmt: skip
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("Mean predicted P(right)")
    axes.set_ylabel("Fraction right")
    return _titled(axes, title)


def draw_learning_curve(curve: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """Draw the AUC by the number of training answers: columns `size`, `repeat`, `auc`; dots are single folds."""
    axes = new_axes() if axes is None else axes
    mean = curve.groupby("size")["auc"].mean()
    axes.plot(curve["size"], curve["auc"], ".", color="#9ecae1")
    axes.plot(mean.index, mean, "-o", color="#08519c", markersize=4)
    axes.set_xscale("log")
    axes.set_xticks(list(mean.index), [str(size) for size in mean.index])
    axes.minorticks_off()
    axes.set_xlabel("Training answers")
    axes.set_ylabel("AUC on answers left out, cell and C chosen anew")
    axes.grid(visible=True, color="0.9")
    return axes


def draw_permutation_null(null: Floats, best: float, axes: Axes | None = None) -> Axes:
    """Draw the largest AUC on the map under each permutation of the labels, float64 (n,), and the best cell's own."""
    axes = new_axes() if axes is None else axes
    axes.hist(null, bins="auto", color="#9ecae1", edgecolor="white", label=f"{len(null)} permutations of the labels")
    axes.axvline(float(np.quantile(null, 0.95)), color="0.35", linestyle=":", label="their 95 % quantile")
    axes.axvline(best, color="#08306b", linewidth=2, label="best cell of the map")
    axes.set_xlim(min(0.5, float(null.min())) - 0.01, max(best, float(null.max())) + 0.02)
    axes.set_xlabel("Largest AUC on the map")
    axes.set_ylabel("Permutations")
    axes.legend(frameon=False)
    return axes


def _titled(axes: Axes, title: str | None) -> Axes:
    if title:
        axes.set_title(title)
    return axes
