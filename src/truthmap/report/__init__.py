"""Figures and the page, made from saved numbers."""

from __future__ import annotations

from truthmap.report.heatmap import draw_heatmap, figure_of, save_figure

__all__ = ["draw_heatmap", "figure_of", "save_figure"]
