"""Figures and the page, made from saved numbers."""

from __future__ import annotations

from truthmap.report.controls import draw_gain, draw_significance, draw_within
from truthmap.report.curves import draw_calibration, draw_histogram, draw_roc
from truthmap.report.heatmap import draw_heatmap, figure_of, save_figure
from truthmap.report.trust import draw_reliability, draw_risk_coverage

__all__ = [
    "draw_calibration",
    "draw_gain",
    "draw_heatmap",
    "draw_histogram",
    "draw_reliability",
    "draw_risk_coverage",
    "draw_roc",
    "draw_significance",
    "draw_within",
    "figure_of",
    "save_figure",
]
