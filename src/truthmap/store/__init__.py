"""Activations on disk: finished shards of hidden states, read one layer at a time."""

from __future__ import annotations

from truthmap.store.states import LayerStates, StateShard, StateStore, join_shards
from truthmap.store.tokens import TokenStates

__all__ = ["LayerStates", "StateShard", "StateStore", "TokenStates", "join_shards"]
