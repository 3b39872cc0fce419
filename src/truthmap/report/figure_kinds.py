"""The kinds of figure of a run by their names: what `truthmap figure` offers, without loading what draws them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from truthmap.analyses.base import Analysis, FigureKind
from truthmap.analyses.registry import ANALYSES

_HERE = "truthmap.report.figures"
_OF_DETECTOR = "truthmap.report.detector_figures"

RUN_FIGURES = (
    FigureKind("map", "AUC in every cell", f"{_HERE}:draw_map"),
    FigureKind("hatched-map", "AUC in every cell, cells that are not significant hatched", f"{_HERE}:draw_hatched_map"),
    FigureKind("significance", "corrected p-value in every cell", f"{_HERE}:draw_p_values"),
    FigureKind("gain", "AUC gained over the text baseline in every cell", f"{_HERE}:draw_gain_map"),
    FigureKind("within", "AUC within one exact answer in every cell", f"{_HERE}:draw_within_map"),
    FigureKind("roc", "ROC curve of one cell", f"{_HERE}:draw_cell_roc"),
    FigureKind(
        "histogram", "right and wrong answers by one cell's predicted probability", f"{_HERE}:draw_cell_histogram"
    ),
    FigureKind(
        "calibration", "predicted probability against fraction right, of one cell", f"{_HERE}:draw_cell_calibration"
    ),
    FigureKind(
        "learning-curve",
        "AUC by the number of labelled answers, cell and C chosen by them alone",
        f"{_HERE}:draw_learning",
    ),
    FigureKind(
        "permutation-null",
        "the largest AUC anywhere on the map for each permutation of the labels",
        f"{_HERE}:draw_null",
    ),
    FigureKind(
        "risk-coverage",
        "selective risk over coverage (truthmap detector)",
        f"{_OF_DETECTOR}:draw_detector_risk",
    ),
    FigureKind(
        "reliability",
        "how well the detector's P(wrong) holds (truthmap detector)",
        f"{_OF_DETECTOR}:draw_detector_reliability",
    ),
)
"""Figures of the run itself: each draws (records of the run, what of it, axes or `None`) and returns the axes."""

ANALYSIS_FIGURES: Mapping[str, Analysis] = MappingProxyType(
    {kind.name: analysis for analysis in ANALYSES if analysis.saved for kind in analysis.saved.figures}
)
"""Figures of analyses, by name → the analysis whose saved result each shows."""

FIGURES: Mapping[str, FigureKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (*RUN_FIGURES, *(kind for each in ANALYSES if each.saved for kind in each.saved.figures))
    }
)
"""Every kind of figure, by name."""
