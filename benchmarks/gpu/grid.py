"""The grid of probes on the device, and the same grid on the CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.gpu.card import Spent, spend
from benchmarks.gpu.section import Section, in_gigabytes, table
from benchmarks.gpu.size import GridSize
from truthmap.execution.ceilings import seconds_of
from truthmap.positions import PAPER, Position
from truthmap.probes.fit_grid import fit_grid
from truthmap.probes.grid import Grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.solver.path import TOLERANCE
from truthmap.records import RowKey, Site, Split
from truthmap.store.shards import LayerStates

CELLS = 450
"""What the seconds are stated for: 30 layers of 15 positions."""

AUC_ALLOWED = 3e-4
"""How far an AUC on the device may lie from the CPU's."""

_FOLDS = 5
_TOGETHER = 6  # cells, where the measurement is only tried out: a CPU fits one at a time
_TINY = GridSize(n=60, d=16, layers=1, permutations=0)
_DIRECTIONS = 512
_FLATTEST = 0.02  # spread along the last direction, the first one's being 1
_HUGE = 300.0  # times the others: what one dimension of a real model's states is like
_SIGNAL = 2.0


@dataclass(frozen=True)
class MadeStates:
    """States in memory: bfloat16 (L, P, n, d), every answer at every position."""

    ids: tuple[RowKey, ...]
    states: torch.Tensor

    @property
    def positions(self) -> tuple[Position, ...]:
        """What axis P holds."""
        return PAPER

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return (L, d) of the only site."""
        return {Site.RESIDUAL: (len(self.states), self.states.shape[-1])}

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one layer; only all answers are asked for."""
        assert site is Site.RESIDUAL and ids in (None, self.ids), "there is one site, and no answer is left out"
        return LayerStates(self.ids, PAPER, self.states[layer], np.ones((len(PAPER), len(self.ids)), dtype=bool))

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one cell."""
        whole, column = self.read_layer(site, layer, ids), slice(PAPER.index(position), PAPER.index(position) + 1)
        return LayerStates(self.ids, (position,), whole.states[column], whole.present[column])

    def first(self, layers: int) -> MadeStates:
        """Keep some layers."""
        return replace(self, states=self.states[:layers])


@dataclass(frozen=True)
class Agreement:
    """How a grid on the device compares with the CPU's.

    Attributes:
        auc: Greatest difference of an AUC.
        gap: Greatest certificate of any probe on the device.
        same_c: Cells that chose the same C.
        cells: Cells compared.
    """

    auc: float
    gap: float
    same_c: int
    cells: int

    @property
    def faults(self) -> list[str]:
        """What is beyond what is allowed."""
        faults = []
        if not self.auc <= AUC_ALLOWED:
            faults.append(f"an AUC differs from the CPU's by {self.auc:.1e}, allowed {AUC_ALLOWED:g}")
        if not self.gap <= TOLERANCE:
            faults.append(f"a probe's gap is {self.gap:.1e}, allowed {TOLERANCE:g}")
        return faults


def measure_grid(device: torch.device, size: GridSize) -> Section:
    """Fit made-up states on the device, and some of them on the CPU."""
    source, labels = made_up(size)
    one, cpu = source.first(1), torch.device("cpu")
    on_cpu = GridSettings(device="cpu", n_permutations=0)
    on_device = replace(on_cpu, device=str(device), together=None if device.type == "cuda" else _TOGETHER)
    fit_grid(*made_up(_TINY), Site.RESIDUAL, on_cpu)  # compiles what is compiled once per machine
    wanted: list[Grid] = []
    cpu_seconds = seconds_of(cpu, lambda: wanted.append(fit_grid(one, labels, Site.RESIDUAL, on_cpu)))
    agreement = agreement_of(fit_grid(one, labels, Site.RESIDUAL, on_device), wanted[0])  # warm from here on
    plain = spend(device, lambda: fit_grid(source, labels, Site.RESIDUAL, on_device))
    shuffled = replace(on_device, n_permutations=size.permutations)
    null = spend(device, lambda: fit_grid(source, labels, Site.RESIDUAL, shuffled))
    single = spend(device, lambda: fit_grid(one, labels, Site.RESIDUAL, replace(on_device, together=1)))
    cells = len(PAPER)
    rows = [
        _row("on the device, cells stacked", plain, size.layers * cells, cpu_seconds / cells),
        _row(f"the same, {size.permutations} label shuffles besides", null, size.layers * cells, cpu_seconds / cells),
        _row("on the device, one cell at a time", single, cells, cpu_seconds / cells),
        _row(f"on the CPU, {torch.get_num_threads()} threads", Spent(cpu_seconds, 0), cells, cpu_seconds / cells),
    ]
    columns = ("grid", "cells timed", "seconds", f"seconds for {CELLS} cells", "speed against the CPU", "device memory")
    intro = (
        f"Made-up states of n = {size.n:,} answers, d = {size.d:,}, in bfloat16; six C × {_FOLDS} folds in each cell; "
        f"target on one H100: {CELLS} cells under 15 s."
    )
    law = (
        f"Against the CPU's grid, {agreement.cells} cells: AUCs differ by at most {agreement.auc:.1e} (allowed "
        f"{AUC_ALLOWED:g}), {agreement.same_c} chose the same C, no probe's gap is above {agreement.gap:.1e} "
        f"(allowed {TOLERANCE:g})."
    )
    return Section("The grid of probes", [intro, "", *table(columns, rows), "", law], agreement.faults)


def made_up(size: GridSize) -> tuple[MadeStates, LabelledAnswers]:
    """Make states as ill-conditioned as a model's, and labels that later cells know more about."""
    draws = torch.Generator().manual_seed(0)
    right = torch.bernoulli(torch.full((size.n,), 0.5), generator=draws)
    cells = size.layers * len(PAPER)
    states = torch.empty((cells, size.n, size.d), dtype=torch.bfloat16)
    spread = torch.logspace(0, math.log10(_FLATTEST), _DIRECTIONS)[:, None]
    for number in range(cells):
        hidden = torch.randn((size.n, _DIRECTIONS), generator=draws)
        hidden[:, _DIRECTIONS // 2] += _SIGNAL * number / cells * right
        made = hidden @ (torch.randn((_DIRECTIONS, size.d), generator=draws) * spread)
        made[:, 0] = _HUGE * (made[:, 0] + made.std())
        states[number] = made + _FLATTEST * torch.randn((size.n, size.d), generator=draws)
    ids = tuple(RowKey(f"q{n}") for n in range(size.n))
    fold = np.random.default_rng(0).integers(0, _FOLDS, size.n)
    labels = LabelledAnswers(ids, right.bool().numpy(), (Split.TRAIN,) * size.n, fold, ids, ids)
    return MadeStates(ids, states.view(size.layers, len(PAPER), size.n, size.d)), labels


def agreement_of(found: Grid, wanted: Grid) -> Agreement:
    """Compare two grids of the same answers."""
    difference = np.abs(found.auc - wanted.auc)
    return Agreement(
        float(np.max(difference)), float(np.max(found.gap)), int((found.c == wanted.c).sum()), difference.size
    )


def _row(name: str, spent: Spent, cells: int, a_cell_on_cpu: float) -> tuple[str, ...]:
    a_cell = spent.seconds / cells
    return (
        name,
        str(cells),
        f"{spent.seconds:.1f}",
        f"{a_cell * CELLS:.0f}",
        f"{a_cell_on_cpu / a_cell:.1f}×",
        in_gigabytes(spent.memory) if spent.memory else "–",
    )
