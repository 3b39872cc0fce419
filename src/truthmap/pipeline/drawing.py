"""The stage that draws the run's figures from its saved numbers."""

from __future__ import annotations

import numpy as np

from truthmap.pipeline.run import Run
from truthmap.pipeline.work import Made, Work
from truthmap.report import draw_curve, draw_heatmap, draw_null, figure_of, save_figure

LEVEL = 0.05
"""Cells with a larger p-value are hatched."""

_STUDY_TITLE = "the original study's protocol: raw states, C = 1, one 80/20 split, gold exact answers"


def draw_figures(work: Work) -> Made:
    """Draw the map, the shuffles of its labels and its sample-size curve, each as PNG and as SVG."""
    run = Run(work.folder.path)
    grid, summary = run.grid(), run.summary
    theirs = summary.protocol == "study"
    figures = {
        "heatmap": draw_heatmap(
            grid.auc,
            title=_STUDY_TITLE if theirs else None,
            not_significant=None if summary.p_value is None else np.asarray(grid.p_value > LEVEL),
        )
    }
    if summary.p_value is not None:
        figures["null"] = draw_null(run.null(), summary.validation.auc)
    if not theirs:
        figures["curve"] = draw_curve(run.curve())
    files = [(axes, f"{name}.{kind}") for name, axes in figures.items() for kind in ("png", "svg")]
    for axes, file in files:
        save_figure(figure_of(axes), work.path(file))
    return Made([file for _, file in files])
