"""The logistic solver for all cells at once, the grid, its scores and controls."""

from __future__ import annotations

from truthmap.probes.grid import Cell, Grid, best_cell, fit_grid
from truthmap.probes.labels import Labels, LayerSource
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.probes.scores import Auc, auc_many, round_scores
from truthmap.probes.settings import GridSettings
from truthmap.probes.solver import Problems, Solutions, solve_path
from truthmap.probes.testing import TestScore, score_on_test

__all__ = [
    "Auc",
    "Cell",
    "Grid",
    "GridSettings",
    "Labels",
    "LayerSource",
    "LinearProbe",
    "Problems",
    "Solutions",
    "TestScore",
    "auc_many",
    "best_cell",
    "fit_grid",
    "fit_probe",
    "round_scores",
    "score_on_test",
    "solve_path",
]
