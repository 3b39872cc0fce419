"""A detector's two figures: its risk-coverage curve with the guarantees, and the reliability diagram of P(wrong)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from truthmap.detector.config import HeadConfig
from truthmap.detector.guarantee import Risk
from truthmap.figures.canvas import new_axes
from truthmap.metrics.intervals import wilson

_BLUE = "#08519c"
_SIZE = (5, 4)  # inches


def draw_risk_coverage(head: HeadConfig, axes: Axes | None = None) -> Axes:
    """Draw the selective risk over the coverage, on the test part.

    Each guarantee of a selective risk is a dot, with a dotted line at the limit it guarantees.

    Args:
        head: The head's saved numbers.
        axes: Where to draw; by default a new figure is made.
    """
    axes = new_axes(*_SIZE) if axes is None else axes
    coverage = [point.coverage for point in head.risk_coverage]
    risk = [point.selective_risk for point in head.risk_coverage]
    axes.plot(coverage, risk, color=_BLUE, label="test answers")
    holding = [g for g in head.guarantees if g.holds and g.risk is Risk.SELECTIVE_RISK]
    for guarantee in {g.limit: g for g in holding}.values():
        axes.plot([0, guarantee.coverage], [guarantee.limit] * 2, color="0.4", linestyle=":", linewidth=1)
        axes.plot(guarantee.coverage, guarantee.hits / guarantee.tested, "o", color=_BLUE)
        axes.annotate(
            f"guarantee: at most {guarantee.limit:.0%}\n({guarantee.confidence:.0%} confidence)",
            (guarantee.coverage, guarantee.limit),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    axes.set_xlabel("Coverage (of all test answers)")
    axes.set_ylabel("Selective risk")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False)
    return axes


def draw_reliability(head: HeadConfig, axes: Axes | None = None) -> Axes:
    """Draw the reliability diagram: the observed share of wrong answers over P(wrong), on the test part.

    There is a dot for each tenth of the answers; the bars are 95 % intervals (Wilson) of what such a share of so few
    answers can tell.

    Args:
        head: The head's saved numbers.
        axes: Where to draw; by default a new figure is made.
    """
    axes = new_axes(*_SIZE) if axes is None else axes
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="perfectly calibrated")
    bins = head.reliability.bins
    shares = np.array([b.share_wrong for b in bins])
    sizes = np.array([b.n_independent or b.n for b in bins])
    low, high = wilson(shares * sizes, sizes)
    errors = np.maximum([shares - low, high - shares], 0)
    axes.errorbar([b.p_wrong for b in bins], shares, yerr=errors, fmt="o", color=_BLUE, capsize=3, label="test answers")
    axes.set_xlabel("Predicted P(wrong)")
    axes.set_ylabel("Observed share wrong")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(loc="upper left", frameon=False)
    return axes
