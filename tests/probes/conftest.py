"""Small data with the looks of hidden states: correlated dimensions, a few of them huge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Site, Split
from truthmap.store.shard_file import StoredStates
from truthmap.store.shards import LayerStates
from truthmap.store.stored import StoredLayer


@dataclass(frozen=True)
class Sample:
    """States float32 (n, d) and whether each answer is right."""

    states: torch.Tensor
    y: np.ndarray


def make_sample(n: int, d: int, signal: float = 1.0, seed: int = 0) -> Sample:
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((d, d)) * np.geomspace(1, 0.05, d)[:, None]
    hidden = random.standard_normal((n, d))
    y = hidden @ random.standard_normal(d) / np.sqrt(d) * signal + random.logistic(size=n) > 0
    states = hidden @ mixing
    states[:, 0] = states[:, 0] * 300 + 5000
    return Sample(torch.from_numpy(states.astype(np.float32)), y)


@pytest.fixture
def sample() -> Sample:
    return make_sample(240, 24, signal=2.0)


def make_labels(
    y: np.ndarray, n_folds: int = 4, test_share: float = 0.25, canonical: Sequence[str] = ()
) -> LabelledAnswers:
    n = len(y)
    random = np.random.default_rng(1)
    part = tuple(Split.TEST if u < test_share else Split.TRAIN for u in random.random(n))
    fold = np.array(
        [-1 if p is Split.TEST else int(f) for p, f in zip(part, random.integers(0, n_folds, n), strict=True)]
    )
    ids = tuple(f"q{i}" for i in range(n))
    return LabelledAnswers(ids, np.asarray(y, bool), part, fold, ids, tuple(canonical) or ids)


@dataclass(frozen=True)
class MemoryStates:
    """States kept in memory: float (L, 15, n, d), present bool (15, n); `positions` are those that are shown."""

    ids: tuple[str, ...]
    states: torch.Tensor
    present: np.ndarray
    positions: tuple[Position, ...] = LEGACY_POSITIONS

    def layout(self) -> dict[Site, tuple[int, int]]:
        return {Site.RESIDUAL: (self.states.shape[0], self.states.shape[3])}

    def read_layer(self, site: Site, layer: int, ids: Sequence[str] | None = None) -> LayerStates:
        chosen = self.ids if ids is None else tuple(ids)
        rows = [self.ids.index(i) for i in chosen]
        return LayerStates(chosen, LEGACY_POSITIONS, self.states[layer][:, rows].clone(), self.present[:, rows])

    def read(
        self, site: Site, layer: int, positions: tuple[Position, ...], ids: Sequence[str] | None = None
    ) -> StoredLayer:
        """Return what a store would: for `TensorReader`."""
        whole, columns = self.read_layer(site, layer, ids), [LEGACY_POSITIONS.index(each) for each in positions]
        bits = whole.states[columns].float().numpy()
        return StoredLayer(whole.ids, positions, StoredStates(bits, "F32"), whole.present[columns])

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[str] | None = None) -> LayerStates:
        whole, p = self.read_layer(site, layer, ids), LEGACY_POSITIONS.index(position)
        return LayerStates(whole.ids, (position,), whole.states[p : p + 1], whole.present[p : p + 1])


def planted(
    n: int = 200, d: int = 12, n_layers: int = 2, layer: int = 1, position: int = 4
) -> tuple[MemoryStates, LabelledAnswers]:
    """Return noise everywhere but in one cell, whose first dimension tells right from wrong, and its labels."""
    random = np.random.default_rng(7)
    labels = make_labels(random.random(n) < 0.5)
    states = random.standard_normal((n_layers, len(LEGACY_POSITIONS), n, d)).astype(np.float32)
    states[layer, position, :, 0] += 2.5 * labels.y
    present = np.ones((len(LEGACY_POSITIONS), n), bool)
    present[7, : n // 3] = False
    present[8, 5:] = False
    states[:, ~present] = 0
    return MemoryStates(labels.ids, torch.from_numpy(states), present), labels
