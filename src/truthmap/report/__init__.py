"""Figures and the page, made from saved numbers."""

from __future__ import annotations

from truthmap.report.comparison import comparison_figure, draw_comparison, draw_risk
from truthmap.report.controls import draw_gain, draw_significance, draw_within
from truthmap.report.curves import draw_calibration, draw_histogram, draw_roc
from truthmap.report.difference import difference_figure, draw_difference
from truthmap.report.error_types import draw_error_types, error_types_figure
from truthmap.report.heatmap import draw_heatmap, figure_of, save_figure
from truthmap.report.label_maps import draw_label_maps
from truthmap.report.sample_size import draw_curve
from truthmap.report.selection import draw_accuracy_by_k, draw_accuracy_by_type, selection_figure
from truthmap.report.shuffles import draw_null
from truthmap.report.transfer import draw_transfer, transfer_figure
from truthmap.report.trust import draw_reliability, draw_risk_coverage

__all__ = [
    "comparison_figure",
    "difference_figure",
    "draw_accuracy_by_k",
    "draw_accuracy_by_type",
    "draw_calibration",
    "draw_comparison",
    "draw_curve",
    "draw_difference",
    "draw_error_types",
    "draw_gain",
    "draw_heatmap",
    "draw_histogram",
    "draw_label_maps",
    "draw_null",
    "draw_reliability",
    "draw_risk",
    "draw_risk_coverage",
    "draw_roc",
    "draw_significance",
    "draw_transfer",
    "draw_within",
    "error_types_figure",
    "figure_of",
    "save_figure",
    "selection_figure",
    "transfer_figure",
]
