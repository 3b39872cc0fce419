"""Transfer as a figure: matrices of sources and targets, for AUC, its gain over log-probability, and error rate."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.transfer.measure import Choice, Transfer, TransferScore
from truthmap.arrays import Floats
from truthmap.figures.canvas import new_axes, new_figure
from truthmap.figures.cells import Scale, paint_cells
from truthmap.metrics.estimate import Estimate

Shown = Literal["auc", "gain", "error"]

_TITLES = {
    "auc": "AUC",
    "gain": "AUC minus the best free score's (in brackets: could be 0)",
    "error": "error rate at the source's threshold",
}
_COLOURS = {"auc": ("Blues", 0.5, 1.0), "gain": ("RdBu", -0.5, 0.5), "error": ("Oranges", 0.0, 0.5)}


def transfer_figure(result: Transfer) -> Figure:
    """Draw AUC, gain and error rate, at the source's own best cell above and at the common cell below."""
    n = len(result.sets)
    figure = new_figure(3 * (2.6 + 0.95 * n), 2 * (1.9 + 0.6 * (n + 0.5)))
    for row, choice in zip(figure.subplots(2, 3), Choice, strict=True):
        draw_transfer(result, row[0], choice=choice, shown="auc")
        draw_transfer(result, row[1], choice=choice, shown="gain")
        draw_transfer(result, row[2], choice=choice, shown="error")
    return figure


def draw_transfer(
    result: Transfer, axes: Axes | None = None, *, choice: Choice = Choice.OWN, shown: Shown = "auc"
) -> Axes:
    """Draw one matrix: sources down, targets across.

    Gains whose 95 % interval holds zero are in brackets.
    """
    targets, sources = [each.name for each in result.sets], result.sources(choice)
    axes = new_axes(2.6 + 0.95 * len(targets), 1.9 + 0.6 * len(sources)) if axes is None else axes
    estimates = [[_estimate(result.score(choice, source, target), shown) for target in targets] for source in sources]
    values = np.array([[np.nan if e is None else e.value for e in row] for row in estimates])
    colours, low, high = _COLOURS[shown]
    cells = paint_cells(axes, values, colours, Scale(_TITLES[shown], low, high))
    for row, line in enumerate(estimates):
        for column, estimate in enumerate(line):
            if estimate is not None:
                ink = _ink(cells.to_rgba(np.array([estimate.value]))[0])
                axes.text(column, row, _text(estimate, shown), ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(targets)), targets, rotation=30, ha="right")
    axes.set_yticks(range(len(sources)), sources)
    axes.set_xlabel("tested on")
    axes.set_ylabel("trained on")
    place = f"layer {result.layer}, {result.position}" if choice is Choice.COMMON else "the source's best cell"
    axes.set_title(f"{_TITLES[shown]}\n{place}", fontsize=10)
    return axes


def _ink(colour: Floats) -> str:
    """Return black or white, whichever stands out on a colour (r, g, b, alpha): by its luminance (ITU-R BT.709)."""
    return "black" if float(colour[:3] @ (0.2126, 0.7152, 0.0722)) > 0.5 else "white"


def _estimate(score: TransferScore | None, shown: Shown) -> Estimate | None:
    if score is None:
        return None
    return {"auc": score.auc, "gain": score.minus_log_prob, "error": score.error}[shown]


def _text(estimate: Estimate, shown: Shown) -> str:
    if shown == "gain":
        return f"{estimate.value:+.2f}" if estimate.excludes_zero else f"({estimate.value:+.2f})"
    return f"{estimate.value:.2f}"
