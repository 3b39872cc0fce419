"""The grid on the device has the numbers of the grid on the CPU."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.gpu.grid import agreement_of, made_up
from benchmarks.gpu.size import GridSize

from truthmap.probes.fit_grid import RIGHT, fit_grid, fit_grids
from truthmap.probes.grid_settings import GridSettings
from truthmap.records import Site

SETTINGS = GridSettings(n_permutations=0)
TOGETHER = 4
"""Cells that are stacked where the device is a CPU, too."""
NARROW, WIDE = GridSize(n=400, d=64, layers=1, permutations=0), GridSize(n=250, d=1200, layers=1, permutations=0)

IN_A_NEW_PROCESS = """
from benchmarks.gpu.grid import made_up
from benchmarks.gpu.size import GridSize
from truthmap.probes.fit_grid import fit_grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.records import Site

source, labels = made_up(GridSize(n=60, d=16, layers=1, permutations=0))
fit_grid(source, labels, Site.RESIDUAL, GridSettings(n_permutations=0, device="{device}"))
"""


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_aucs_and_certificates_are_those_of_the_cpu(device: torch.device, size: GridSize) -> None:
    source, labels = made_up(size)
    there = fit_grid(source, labels, Site.RESIDUAL, replace(SETTINGS, device=str(device), together=TOGETHER))
    here = fit_grid(source, labels, Site.RESIDUAL, SETTINGS)
    assert agreement_of(there, here).faults == []


def test_differences_beyond_what_is_allowed_are_told() -> None:
    source, labels = made_up(NARROW)
    grid = fit_grid(source, labels, Site.RESIDUAL, SETTINGS)
    faults = agreement_of(replace(grid, auc=grid.auc + 0.01, gap=grid.gap + 1), grid).faults
    assert [fault.split(" ")[0:2] for fault in faults] == [["an", "AUC"], ["a", "probe's"]]


def test_the_null_is_that_of_the_cpu(device: torch.device) -> None:
    source, labels = made_up(NARROW)
    settings = replace(SETTINGS, n_permutations=10)
    fits = [
        fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, replace(settings, device=each, together=at_once))[
            RIGHT
        ]
        for each, at_once in ((str(device), TOGETHER), ("cpu", 1))
    ]
    np.testing.assert_allclose(fits[0].null, fits[1].null, atol=1e-3)


def test_the_first_linear_algebra_may_come_from_many_threads(cuda: torch.device) -> None:
    command = [sys.executable, "-c", IN_A_NEW_PROCESS.format(device=cuda)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
