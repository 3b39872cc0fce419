"""Where the probes' states come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.store.shards import LayerStates


class LayerSource(Protocol):
    """Where states are read from, a layer or a cell at a time."""

    @property
    def positions(self) -> tuple[Position, ...]:
        """What axis P of a layer holds."""
        ...

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return (L, d) of each site."""
        ...

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one layer for `ids`, in that order."""
        ...

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one cell for `ids`, in that order: P is 1. Several threads may do so at once."""
        ...
