"""Have the solver's loops compiled before the first cell is waited for."""

from __future__ import annotations

import torch

from truthmap.probes.solver.path import Problems, solve_path

_ANSWERS, _WIDTH = 16, 2


def compile_solver() -> None:
    """Solve one small problem: takes some ten seconds the first time on a machine, and no time after that."""
    x = torch.linspace(-1, 1, _ANSWERS * _WIDTH).reshape(_ANSWERS, _WIDTH).float()
    y = torch.where(torch.arange(_ANSWERS) % 3 == 0, 1.0, -1.0)[None]
    next(solve_path(Problems(x, torch.ones((1, _WIDTH)), y, torch.ones_like(y)), [1.0]))
