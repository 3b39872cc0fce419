"""Choosing among samples as a figure: accuracy by number of samples, and by type of error."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.select.measure import Selection, Strategy
from truthmap.figures.canvas import new_axes, new_figure

STYLES = {
    Strategy.GREEDY: ("0.35", "--", "s"),
    Strategy.RANDOM: ("0.6", ":", "v"),
    Strategy.MAJORITY: ("#31a354", "-", "^"),
    Strategy.LOG_PROB: ("#e6550d", "-", "D"),
    Strategy.MEAN_LOG_PROB: ("#fdae6b", "-", "d"),
    Strategy.DETECTOR: ("#08519c", "-", "o"),
    Strategy.ORACLE: ("0", "-.", "*"),
}
"""Colour, line and marker of each strategy: told apart without colour too."""


def selection_figure(result: Selection) -> Figure:
    """Draw accuracy by number of samples on the left and by type of error on the right."""
    figure = new_figure(13, 4.8)
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    draw_accuracy_by_k(result, left)
    draw_accuracy_by_type(result, right)
    return figure


def draw_accuracy_by_k(result: Selection, axes: Axes | None = None) -> Axes:
    """Draw each strategy's accuracy against the number of samples; at the largest, with its interval."""
    axes = new_axes(5.5, 4.5) if axes is None else axes
    for score in result.strategies:
        colour, line, marker = STYLES[score.strategy]
        axes.plot(result.ks, score.by_k, color=colour, linestyle=line, marker=marker, label=str(score.strategy))
        last = result.ks[-1] * (1.03 + 0.02 * list(Strategy).index(score.strategy))
        axes.plot([last, last], [score.accuracy.low, score.accuracy.high], color=colour, linewidth=1.5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(result.ks, [str(k) for k in result.ks])
    axes.minorticks_off()
    axes.set_xlabel("samples per question")
    axes.set_ylabel("accuracy")
    axes.set_title(f"{result.model} on {result.questions}: {result.n} test questions")
    axes.legend(fontsize=8)
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    return axes


def draw_accuracy_by_type(result: Selection, axes: Axes | None = None) -> Axes:
    """Draw each strategy's accuracy, with its interval, overall and within each type of error."""
    axes = new_axes(8, 4.5) if axes is None else axes
    names = [f"all\n({result.n})", *(f"{str(s.type).replace('_', chr(10))}\n({s.n})" for s in result.types)]
    width = 0.8 / len(result.strategies)
    for place, score in enumerate(result.strategies):
        estimates = [score.accuracy, *score.by_type]
        colour, _, marker = STYLES[score.strategy]
        x = np.arange(len(estimates)) + (place - len(result.strategies) / 2 + 0.5) * width
        axes.vlines(x, [e.low for e in estimates], [e.high for e in estimates], color=colour, linewidth=1.5)
        axes.plot(x, [e.value for e in estimates], marker, color=colour, markersize=6, label=str(score.strategy))
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("accuracy (95 % interval)")
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    return axes
