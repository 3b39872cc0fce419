"""The stage that draws the run's figures from its saved numbers."""

from __future__ import annotations

from truthmap.pipeline.run import Run
from truthmap.pipeline.work import Made, Work
from truthmap.report import draw_heatmap, figure_of, save_figure


def draw_figures(work: Work) -> Made:
    """Draw the map, as PNG and as SVG."""
    run = Run(work.folder.path)
    axes = draw_heatmap(run.grid().auc)
    for kind in ("png", "svg"):
        save_figure(figure_of(axes), work.path(f"heatmap.{kind}"))
    return Made(["heatmap.png", "heatmap.svg"])
