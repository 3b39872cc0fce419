"""Figures and the page, made from saved numbers."""

from __future__ import annotations

from truthmap.report.heatmap import draw_heatmap, figure_of, save_figure
from truthmap.report.trust import draw_reliability, draw_risk_coverage

__all__ = ["draw_heatmap", "draw_reliability", "draw_risk_coverage", "figure_of", "save_figure"]
