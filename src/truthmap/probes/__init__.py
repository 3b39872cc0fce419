"""The logistic solver for all cells at once, the grid, its scores and controls."""

from __future__ import annotations

from truthmap.probes.curve import CurvePoint, fit_curve
from truthmap.probes.fitting import RIGHT, GridFit, fit_grid, fit_grids, with_p_values
from truthmap.probes.grid import Cell, Grid, OutOfFold, best_cell, best_per_position
from truthmap.probes.labels import Labels, LayerSource
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.probes.metrics import average_precision_many, bootstrap_auc, brier_many, ece_many
from truthmap.probes.null import corrected_p_values, shuffled_labels
from truthmap.probes.paired import AucDifferences, Placements, auc_differences, placements
from truthmap.probes.scores import Auc, auc_many, round_scores
from truthmap.probes.settings import GridSettings
from truthmap.probes.several import CellChoice, SeveralProbes, choose_cells, fit_several
from truthmap.probes.solver import Problems, Solutions, solve_path
from truthmap.probes.testing import TestScore, score_on_test
from truthmap.probes.within import WithinAuc, within_auc_many
from truthmap.probes.words import Words, WordScores, fit_words, with_words

__all__ = [
    "RIGHT",
    "Auc",
    "AucDifferences",
    "Cell",
    "CellChoice",
    "CurvePoint",
    "Grid",
    "GridFit",
    "GridSettings",
    "Labels",
    "LayerSource",
    "LinearProbe",
    "OutOfFold",
    "Placements",
    "Problems",
    "SeveralProbes",
    "Solutions",
    "TestScore",
    "WithinAuc",
    "WordScores",
    "Words",
    "auc_differences",
    "auc_many",
    "average_precision_many",
    "best_cell",
    "best_per_position",
    "bootstrap_auc",
    "brier_many",
    "choose_cells",
    "corrected_p_values",
    "ece_many",
    "fit_curve",
    "fit_grid",
    "fit_grids",
    "fit_probe",
    "fit_several",
    "fit_words",
    "placements",
    "round_scores",
    "score_on_test",
    "shuffled_labels",
    "solve_path",
    "with_p_values",
    "with_words",
    "within_auc_many",
]
