"""Activations on disk: finished shards of hidden states, read one layer at a time."""

from __future__ import annotations

from truthmap.store.index import index_anew
from truthmap.store.shards import LayerStates, ShardEntry, StateShard, join_shards
from truthmap.store.states import StateStore
from truthmap.store.tokens import TokenStates

__all__ = ["LayerStates", "ShardEntry", "StateShard", "StateStore", "TokenStates", "index_anew", "join_shards"]
