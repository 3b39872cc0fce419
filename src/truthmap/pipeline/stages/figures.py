"""The stage that draws the run's figures from its saved numbers."""

from __future__ import annotations

import numpy as np

from truthmap.figures.canvas import figure_of, save_figure, set_wrapped_title
from truthmap.figures.heatmap import draw_heatmap
from truthmap.pipeline.stages.base import StageResult
from truthmap.positions import column_of
from truthmap.probes.protocols import info_of
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.file_names import HEATMAP_PNG, HEATMAP_SVG
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import Run
from truthmap.runs.summary import Summary

LEVEL = 0.05
"""Cells with a larger p-value are hatched."""


def map_title(summary: Summary) -> str:
    """Return what stands above a map: whose it is, and what is unusual about it (another protocol, another site)."""
    lines = (
        f"{summary.model} on {summary.questions}: where right and wrong answers can be told apart",
        summary.decides_nothing,
        info_of(summary.protocol).title,
        "" if summary.site is Site.RESIDUAL else f"site: {summary.site}",
    )
    return "\n".join(filter(None, lines))


def draw_figures(folder: RunFolder) -> StageResult:
    """Draw the map, as PNG and as SVG."""
    data = RunData.load(Run(folder, last="grid"))
    grid, summary = data.grid(), data.summary
    axes = draw_heatmap(
        grid.auc,
        best=(summary.layer, column_of(grid.positions, summary.position)),
        not_significant=None if summary.p_value is None else np.asarray(grid.p_value > LEVEL),
        positions=grid.positions,
    )
    set_wrapped_title(axes, map_title(summary))
    files = [HEATMAP_PNG, HEATMAP_SVG]
    for name in files:
        save_figure(figure_of(axes), folder / name)
    return StageResult(files)
