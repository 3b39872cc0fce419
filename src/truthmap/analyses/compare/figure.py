"""The comparison as a figure: the AUC of every method with its interval, and the risk at each coverage."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.compare.measure import Comparison, Family, Method
from truthmap.figures.canvas import new_axes, new_figure

COLOURS = {
    Family.PROBE: "#08519c",
    Family.LOG_PROB: "#e6550d",
    Family.ENTROPY: "#fdae6b",
    Family.ASKING: "#756bb1",
    Family.SAMPLES: "#31a354",
}
"""A colour for each kind of confidence; `LINES` tells them apart without colour."""

LINES = {
    Family.PROBE: "-",
    Family.LOG_PROB: "--",
    Family.ENTROPY: ":",
    Family.ASKING: "-.",
    Family.SAMPLES: (0, (5, 1)),
}


def comparison_figure(comparison: Comparison) -> Figure:
    """Draw the AUCs on the left and the risk-coverage curves on the right."""
    figure = new_figure(12.5, 1.6 + 0.27 * len(comparison.methods))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    draw_comparison(comparison, left)
    draw_risk(comparison, right)
    return figure


def draw_comparison(comparison: Comparison, axes: Axes | None = None) -> Axes:
    """Draw the AUC of every method with its interval, one below the other."""
    axes = new_axes(7.5, 1.6 + 0.27 * len(comparison.methods)) if axes is None else axes
    methods = comparison.methods
    for place, method in enumerate(methods):
        colour = COLOURS[method.family]
        axes.plot([method.auc.low, method.auc.high], [place, place], color=colour, linewidth=2)
        axes.plot(method.auc.value, place, "o", color=colour, markersize=6)
    reference = comparison.method(comparison.reference).auc.value
    axes.axvline(reference, color=COLOURS[Family.PROBE], linewidth=0.8, linestyle="--")
    axes.axvline(0.5, color="0.5", linewidth=0.8)
    axes.set_yticks(range(len(methods)), [_label(method) for method in methods])
    axes.invert_yaxis()
    axes.set_xlabel("AUC (95 % interval; grey: chance, dashed: the probe)")
    axes.set_title(f"{comparison.model} on {comparison.questions}: {comparison.right + comparison.wrong} test answers")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    return axes


def draw_risk(comparison: Comparison, axes: Axes | None = None) -> Axes:
    """Draw the risk-coverage curve of the best method of each family."""
    axes = new_axes(5.5, 4.5) if axes is None else axes
    coverage = [percent / 100 for percent in range(1, 101)]
    for family in Family:
        of_family = [method for method in comparison.methods if method.family is family]
        if of_family:
            best = max(of_family, key=lambda method: method.auc.value)
            axes.plot(coverage, best.risk, color=COLOURS[family], linestyle=LINES[family], label=best.name)
    share = comparison.wrong / (comparison.right + comparison.wrong)
    axes.axhline(share, color="0.5", linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Coverage")
    axes.set_ylabel("Selective risk")
    axes.legend(fontsize=8, title="best of each kind", loc="lower right")
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    return axes


def _label(method: Method) -> str:
    return f"{method.name}  {method.auc.value:.3f}"
