"""One cell's curves as figures: ROC, histogram by outcome, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from truthmap.figures.frame import new_axes
from truthmap.metrics.curves import Calibration, Histogram, RocCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    axes.set_xlabel("Share of wrong answers let through")
    axes.set_ylabel("Share of right answers let through")
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
    axes.set_xlabel("P(right), by the probe")
    axes.set_ylabel("Answers")
    axes.legend(frameon=False)
    return _titled(axes, title)


def draw_calibration(calibration: Calibration, axes: Axes | None = None, *, title: str | None = None) -> Axes:
    """Draw shares of right answers against predictions, with 95 % intervals."""
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
    axes.set_xlabel("P(right), by the probe")
    axes.set_ylabel("Share right")
    return _titled(axes, title)


def _titled(axes: Axes, title: str | None) -> Axes:
    if title:
        axes.set_title(title)
    return axes
