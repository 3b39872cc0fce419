"""Whole maps of noise: the corrected p-values, the difference of two maps, the choice of several cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from simulations.result import Result, Wanted
from truthmap import Position
from truthmap.analyses import MapScores, compare_maps
from truthmap.probes import GridSettings, LabelledAnswers, best_cell, choose_cells, fit_grids
from truthmap.records import RowKey, Site, Split
from truthmap.store import LayerStates

_POSITIONS = tuple(map(Position.of, ("last_q", "first_answer", "exact_answer_first", "exact_answer_last", "-1")))
_SETTINGS = GridSettings(n_permutations=19, cs=(1e-3, 1e-1, 10.0))  # 19: the least p-value is 0.05
_NOTHING = "nothing"


@dataclass(frozen=True)
class Noise:
    """States that tell nothing: float32 (L, P, n, d); see `LayerSource`."""

    ids: tuple[RowKey, ...]
    states: torch.Tensor

    @property
    def positions(self) -> tuple[Position, ...]:
        """What axis P holds."""
        return _POSITIONS

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return (L, d)."""
        return {Site.RESIDUAL: (self.states.shape[0], self.states.shape[3])}

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:  # noqa: ARG002
        """Read one layer."""
        rows = [self.ids.index(i) for i in (self.ids if ids is None else ids)]
        present = np.ones((len(_POSITIONS), len(rows)), dtype=bool)
        return LayerStates(tuple(self.ids[n] for n in rows), _POSITIONS, self.states[layer][:, rows], present)

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one cell."""
        whole, p = self.read_layer(site, layer, ids), _POSITIONS.index(position)
        return LayerStates(whole.ids, (position,), whole.states[p : p + 1], whole.present[p : p + 1])


def run(draws: int) -> Iterator[Result]:
    """Fit maps of noise, a fifth as many as other draws; several cells are chosen in every fourth."""
    some = max(4, draws // 5)
    for groups, size in ((80, 1), (40, 3)):
        said = f"{groups} questions of {size} answers" if size > 1 else f"{groups} independent answers"
        found = [_map(groups, size, k) for k in range(some)]
        beaten = [chosen for _, chosen in found if chosen is not None]
        yield Result.of("best p-value of a map", f"{said} that tell nothing", Wanted.LEVEL, [p for p, _ in found])
        yield Result.of("several cells beat one", f"{said} that tell nothing", Wanted.TAIL, beaten)
        differ = [_difference(groups, size, k) for k in range(draws)]
        yield Result.of("difference of two maps, anywhere", f"{said}, like maps", Wanted.LEVEL, differ)


def _labels(groups: int, size: int, random: np.random.Generator) -> LabelledAnswers:
    of = np.repeat(np.arange(groups), size)
    y = random.normal(size=groups)[of] + random.normal(size=len(of)) > 0
    ids = tuple(RowKey(f"q{k}") for k in range(len(of)))
    names = tuple(str(g) for g in of)
    return LabelledAnswers(ids, y, (Split.TRAIN,) * len(of), of % 4, names, ids)


def _map(groups: int, size: int, seed: int) -> tuple[bool, bool | None]:
    """Say whether the best cell of a map of noise is significant, and at times whether several seem to beat it."""
    random = np.random.default_rng(seed)
    labels = _labels(groups, size, random)
    shape = (2, len(_POSITIONS), groups, 6)
    states = np.repeat(random.normal(size=shape), size, axis=2) + random.normal(size=(*shape[:2], groups * size, 6))
    source = Noise(labels.ids, torch.from_numpy(states.astype(np.float32)))
    fit = fit_grids(source, labels, {_NOTHING: labels.y}, Site.RESIDUAL, _SETTINGS)[_NOTHING]
    significant = bool(np.nanmin(fit.grid.p_value) <= 0.05)
    if seed % 4:
        return significant, None
    choice = choose_cells(fit.grid, fit.out_of_fold, labels, best_cell(fit.grid), _SETTINGS)
    return significant, choice.beats_single


def _difference(groups: int, size: int, seed: int) -> bool:
    """Say whether two maps that read alike are called different anywhere."""
    random = np.random.default_rng([1, seed])
    labels = _labels(groups, size, random)
    both = [
        np.repeat(random.normal(size=(3, 5, groups)), size, axis=2)
        + random.normal(size=(3, 5, groups * size))
        + 1.2 * labels.y
        for _ in range(2)
    ]
    one, other = (MapScores(labels.ids, labels.group, labels.y, scores) for scores in both)
    return bool((compare_maps(one, other).p_corrected <= 0.05).any())
