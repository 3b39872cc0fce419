"""The logistic solver for all cells at once, the grid, its scores and controls."""

from __future__ import annotations

from truthmap.probes.grid import Cell, Grid, best_cell, fit_grid
from truthmap.probes.labels import Labels, LayerSource
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.probes.paired import AucDifferences, Placements, auc_differences, placements
from truthmap.probes.scores import Auc, auc_many, round_scores
from truthmap.probes.settings import GridSettings
from truthmap.probes.solver import Problems, Solutions, solve_path
from truthmap.probes.testing import TestScore, score_on_test

__all__ = [
    "Auc",
    "AucDifferences",
    "Cell",
    "Grid",
    "GridSettings",
    "Labels",
    "LayerSource",
    "LinearProbe",
    "Placements",
    "Problems",
    "Solutions",
    "TestScore",
    "auc_differences",
    "auc_many",
    "best_cell",
    "fit_grid",
    "fit_probe",
    "placements",
    "round_scores",
    "score_on_test",
    "solve_path",
]
