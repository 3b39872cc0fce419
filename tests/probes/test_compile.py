"""The solver is compiled before the first cell is fitted, all of it."""

from __future__ import annotations

import numpy as np
import torch

from truthmap.probes.linear import fit_probe
from truthmap.probes.solver import kernels
from truthmap.probes.solver.compile import compile_solver

LOOPS = ("evaluate", "run_steps", "matmul_transpose", "transpose_matmul", "cholesky_solve")


def compiled() -> dict[str, int]:
    return {name: len(getattr(kernels, name).signatures) for name in LOOPS}


def test_nothing_is_left_to_compile() -> None:
    compile_solver()
    before = compiled()
    assert before["run_steps"] > 0
    fit_probe(torch.randn((60, 8), generator=torch.Generator().manual_seed(0)), np.arange(60) % 2 == 0, 0.1)
    assert compiled() == before
