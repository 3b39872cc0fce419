"""Tokens saved against accuracy, of both ways to end thoughts early."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.early_exit.measure import EarlyExit, ExitPoint
from truthmap.figures.canvas import figure_of, new_axes

_PROBE, _SHARE = "#08519c", "#c2570c"
_SIZE = (6.4, 4.2)


def exit_figure(result: EarlyExit) -> Figure:
    """Draw the curve on a figure of its own."""
    return figure_of(draw_early_exit(result))


def draw_early_exit(result: EarlyExit, axes: Axes | None = None) -> Axes:
    """Draw accuracy against the share of tokens saved, with intervals, beside that of whole thoughts."""
    axes = new_axes(*_SIZE) if axes is None else axes
    axes.axhspan(result.whole.low, result.whole.high, color="0.9", label="whole thoughts")
    axes.axhline(result.whole.value, color="0.5", linewidth=1)
    _draw(axes, result.by_probe, _PROBE, "o-", "ended by the probe, at P(right) of")
    _draw(axes, result.by_share, _SHARE, "s--", "ended at a share of the thought")
    axes.set_xlabel("Tokens of thoughts saved (%)")
    axes.set_ylabel("Right answers")
    axes.set_title(f"{result.model} on {result.questions}: ending thoughts early ({result.n} test answers)")
    axes.legend(fontsize="small")
    return axes


def _draw(axes: Axes, points: tuple[ExitPoint, ...], color: str, style: str, label: str) -> None:
    x = [100 * point.saved.value for point in points]
    y = [point.accuracy.value for point in points]
    low = [point.accuracy.value - point.accuracy.low for point in points]
    high = [point.accuracy.high - point.accuracy.value for point in points]
    axes.errorbar(x, y, yerr=[low, high], fmt=style, color=color, label=label, capsize=2, markersize=4, linewidth=1)
    for at, height, point in zip(x, y, points, strict=True):
        axes.annotate(f"{point.rule:.0%}", (at, height), textcoords="offset points", xytext=(4, 4), fontsize="x-small")
