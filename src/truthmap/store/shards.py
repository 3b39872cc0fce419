"""What goes into the store and what comes out of it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import Bools
from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.shown import ShortRepr


@dataclass(frozen=True, repr=False)
class StateShard(ShortRepr):
    """The states of a few rows, all layers and positions.

    Attributes:
        ids: The rows' keys, in the order of axis n.
        positions: What axis P holds.
        present: bool (P, n); False where a row has no such position. The state there is zero and means nothing.
        states: For each site a float tensor (L, P, n, d) on the CPU.
    """

    ids: tuple[RowKey, ...]
    positions: tuple[Position, ...]
    present: Bools
    states: Mapping[Site, torch.Tensor]

    def __post_init__(self) -> None:
        assert self.present.shape == (len(self.positions), len(self.ids)), self.present.shape
        for states in self.states.values():
            assert states.ndim == 4, states.shape
            assert tuple(states.shape[1:3]) == self.present.shape, states.shape


def rows_among(shard: StateShard, ids: Container[RowKey]) -> StateShard:
    """Return those rows of a shard that are among `ids`, in their order."""
    places = [n for n, i in enumerate(shard.ids) if i in ids]
    if len(places) == len(shard.ids):
        return shard
    return StateShard(
        tuple(shard.ids[n] for n in places),
        shard.positions,
        shard.present[:, places],
        {site: states[:, :, places] for site, states in shard.states.items()},
    )


def join_shards(pieces: Sequence[StateShard], ids: Sequence[RowKey]) -> StateShard:
    """Put pieces together into one shard with the rows in the order of `ids`.

    Raises:
        KeyError: a row is in no piece.
    """
    (positions,) = {piece.positions for piece in pieces}
    found = [i for piece in pieces for i in piece.ids]
    place = {i: n for n, i in enumerate(found)}
    order = [place[i] for i in ids]
    return StateShard(
        tuple(ids),
        positions,
        np.concatenate([piece.present for piece in pieces], axis=1)[:, order],
        {site: torch.cat([piece.states[site] for piece in pieces], dim=2)[:, :, order] for site in pieces[0].states},
    )


@dataclass(frozen=True, repr=False)
class LayerStates(ShortRepr):
    """One layer's states of one site for chosen rows, at all positions or at one.

    Attributes:
        ids: The rows' keys, in the order of axis n.
        positions: What axis P holds; one position from `read_cell`.
        states: float tensor (P, n, d), in the stored dtype; (1, n, d) from `read_cell`.
        present: bool (P, n); (1, n) from `read_cell`.
    """

    ids: tuple[RowKey, ...]
    positions: tuple[Position, ...]
    states: torch.Tensor
    present: Bools
