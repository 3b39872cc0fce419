"""The controls as figures: what each leaves of the AUC above chance, and the curves that some of them have."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.controls.measure import (
    AUC,
    CHANCE,
    ControlCurve,
    ControlFinding,
    Controls,
    ControlVerdict,
    above_chance,
)
from truthmap.figures.canvas import new_axes, new_figure

COLOURS = {
    ControlVerdict.HOLDS: "#08519c",
    ControlVerdict.PART: "#6baed6",
    ControlVerdict.NOTHING: "#de2d26",
    ControlVerdict.UNCLEAR: "0.75",
}
"""A colour for each verdict; the labels say it in words too."""

_WHOLE = "0.9"
_ACROSS = 4
_MARKERS = "osD^vP"
_WIDEST = 32
"""Characters in a line of a small panel's title."""
_ROOM = 1.5
"""How many times as large a step must be for both to have their numbers at an axis in ratios."""


def controls_figure(result: Controls) -> Figure:
    """Draw what is left of the AUC, and under it the curves, if there are any."""
    found = _curves(result)
    down = -(-len(found) // _ACROSS)
    height = 1.6 + 0.42 * (1 + len(_shown(result)))
    figure = new_figure(12.0, height + 3.0 * down)
    if not found:
        draw_controls(result, figure.add_subplot())
        return figure
    grid = figure.add_gridspec(1 + down, _ACROSS, height_ratios=[height, *[3.0] * down])
    draw_controls(result, figure.add_subplot(grid[0, :]))
    for number, (finding, curve) in enumerate(found):
        draw_curve(result, finding, curve, figure.add_subplot(grid[1 + number // _ACROSS, number % _ACROSS]))
    return figure


def draw_controls(result: Controls, axes: Axes | None = None) -> Axes:
    """Draw what each control leaves of the probe's AUC above chance, with its interval; behind it the whole."""
    shown = _shown(result)
    axes = new_axes(9.5, 1.6 + 0.42 * (1 + len(shown))) if axes is None else axes
    whole = above_chance(result.auc)
    axes.barh(0, whole.value, color="#08306b", height=0.62)
    _interval(axes, 0, whole.low, whole.high)
    labels = [f"the probe itself: AUC {result.auc.value:.2f}"]
    for place, finding in enumerate(shown, start=1):
        head = finding.headline
        assert head is not None and head.left is not None
        if head.probe is not None:
            axes.barh(place, max(head.probe.value - 0.5, 0.0), color=_WHOLE, height=0.62)
        axes.barh(place, head.left.value, color=COLOURS[finding.verdict], height=0.62)
        _interval(axes, place, head.left.low, head.left.high)
        labels.append(f"{finding.name}: {finding.verdict}")
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.axvline(whole.value, color="#08306b", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel("What is left of the AUC above chance (95 % interval; grey: the whole, on the same answers)")
    axes.set_title(
        f"What is left of the AUC: {result.model} on {result.questions}, layer {result.layer}, {result.position}"
    )
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    return axes


def draw_control_curves(result: Controls, axes: Axes | None = None) -> Axes:
    """Draw all curves over a common axis from their first to their last step, with the probe's own AUC."""
    axes = new_axes(7.5, 4.5) if axes is None else axes
    for number, (finding, curve) in enumerate(_curves(result)):
        steps = range(len(curve.points))
        share = [step / max(len(curve.points) - 1, 1) for step in steps]
        first, last = curve.points[0].at, curve.points[-1].at
        axes.plot(
            share,
            [point.value.value for point in curve.points],
            marker=_MARKERS[number % len(_MARKERS)],
            label=f"{finding.name}: {curve.along}, {first:g} to {last:g}",
        )
    axes.axhline(result.auc.value, color="#08306b", linewidth=0.8, linestyle="--")
    axes.axhline(0.5, color="0.5", linewidth=0.8)
    axes.set_xticks([0, 1], ["first step", "last step"])
    axes.set_ylabel("AUC on test")
    axes.set_title(f"{result.model} on {result.questions}: the probe as something changes")
    if axes.lines[:-2]:
        axes.legend(fontsize=8)
    axes.grid(axis="y", color="0.9")
    return axes


def draw_curve(result: Controls, finding: ControlFinding, curve: ControlCurve, axes: Axes) -> Axes:
    """Draw one curve with its intervals; dashed, where it shows AUCs: the probe as it is."""
    at = [point.at for point in curve.points]
    axes.fill_between(
        at, [p.value.low for p in curve.points], [p.value.high for p in curve.points], color="#c6dbef", linewidth=0
    )
    axes.plot(at, [point.value.value for point in curve.points], "o-", color="#08519c", markersize=4)
    if curve.of == AUC:
        axes.axhline(result.auc.value, color="#08306b", linewidth=0.8, linestyle="--")
    axes.axhline(CHANCE if curve.of == AUC else 0, color="0.5", linewidth=0.8)
    if curve.logarithmic:
        _in_ratios(axes, at)
    axes.set_xlabel(fill(curve.along, _WIDEST), fontsize=9)
    axes.set_ylabel(curve.of, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.set_title(fill(f"{finding.name}: {curve.name}", _WIDEST), fontsize=9)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    return axes


def _in_ratios(axes: Axes, at: Sequence[float]) -> None:
    """Draw the horizontal axis in ratios, with a tick at each step that has room for its number."""
    axes.set_xscale("log")
    kept = [value for value, after in pairwise(at) if after > _ROOM * value]
    axes.set_xticks([*kept, at[-1]], [f"{value:g}" for value in (*kept, at[-1])])
    axes.set_xticks([], minor=True)


def _shown(result: Controls) -> Sequence[ControlFinding]:
    """Return the controls that say what is left."""
    return [
        finding
        for finding in result.findings
        if finding.verdict in COLOURS and finding.headline is not None and finding.headline.left is not None
    ]


def _curves(result: Controls) -> list[tuple[ControlFinding, ControlCurve]]:
    return [(finding, curve) for finding in result.findings for curve in finding.curves if curve.points]


def _interval(axes: Axes, place: int, low: float, high: float) -> None:
    axes.plot([low, high], [place, place], color="black", linewidth=1.2)
