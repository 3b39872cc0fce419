"""The stage that draws the run's figures from its saved numbers."""

from __future__ import annotations

import numpy as np

from truthmap.figures.canvas import figure_of, save_figure
from truthmap.figures.heatmap import draw_heatmap
from truthmap.pipeline.stages.base import StageResult
from truthmap.probes.recipes import recipe_named
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.file_names import HEATMAP_PNG, HEATMAP_SVG
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import Run

LEVEL = 0.05
"""Cells with a larger p-value are hatched."""


def map_title(protocol: str, site: Site) -> str | None:
    """Return what must be said above a map: that it follows another protocol, that it reads another site than usual."""
    lines = (recipe_named(protocol).info.title, "" if site is Site.RESIDUAL else f"site: {site}")
    return "\n".join(filter(None, lines)) or None


def draw_figures(folder: RunFolder) -> StageResult:
    """Draw the map, as PNG and as SVG."""
    data = RunData.load(Run(folder))
    grid, summary = data.grid(), data.summary
    axes = draw_heatmap(
        grid.auc,
        title=map_title(summary.protocol, summary.site),
        not_significant=None if summary.p_value is None else np.asarray(grid.p_value > LEVEL),
        positions=grid.positions,
    )
    files = [HEATMAP_PNG, HEATMAP_SVG]
    for name in files:
        save_figure(figure_of(axes), folder / name)
    return StageResult(files)
