"""The stored states as tensors: what probes are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.store.shards import LayerStates
from truthmap.store.stored import StoredLayer, StoreReader

_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "U8": torch.uint8,
}  # fmt: skip


@dataclass(frozen=True)
class TensorReader:
    """Reads the states of a store as tensors.

    Attributes:
        stored: The store.
    """

    stored: StoreReader

    @property
    def positions(self) -> tuple[Position, ...]:
        """The positions that every shard holds, in the order of axis P."""
        return self.stored.positions

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return (L, d) of each stored site."""
        return self.stored.layout()

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one layer for `ids` (default: all), in that order: all positions.

        Raises:
            KeyError: a row is not stored.
            DamagedFileError: a file is not as it was written, or lacks what was asked.
        """
        return _as_tensors(self.stored.read(site, layer, self.positions, ids))

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one cell for `ids` (default: all), in that order, and nothing else: P is 1.

        Raises:
            KeyError: a row is not stored.
            DamagedFileError: a file is not as it was written, or lacks what was asked.
        """
        return _as_tensors(self.stored.read(site, layer, (position,), ids))


def _as_tensors(layer: StoredLayer) -> LayerStates:
    states = torch.from_numpy(layer.states.bits).view(_DTYPES[layer.states.dtype])
    return LayerStates(layer.ids, layer.positions, states, layer.present)
