"""The part of the prompts that all share, computed once and used again as a key-value prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from truthmap.lm.accepted import cache_argument
from truthmap.lm.cache import CacheUse, repeated
from truthmap.lm.model import LanguageModel
from truthmap.lm.offsets import shared_length

if TYPE_CHECKING:
    from transformers import Cache

_WORTH_SHARING = 4  # tokens: below, copying the prefix to every row costs as much as computing it


@dataclass(frozen=True)
class Prefix:
    """Token ids that every sequence of a job starts with, and their keys and values.

    Attributes:
        ids: The shared ids; may be none.
        cache: Keys and values of one row; `None` where nothing is shared.
    """

    ids: tuple[int, ...]
    cache: Cache | None

    @property
    def length(self) -> int:
        """How many tokens are shared."""
        return len(self.ids)

    def cache_for(self, rows: int) -> Cache | None:
        """Return the prefix's keys and values for `rows` rows, free to be extended."""
        return None if self.cache is None else repeated(self.cache, rows)


NO_PREFIX = Prefix((), None)


class PrefixCache:
    """Computes what sequences share, and keeps the newest prefix: the shards of a run compute theirs once.

    Whoever runs one model many times holds one: an engine, a capture of states, a judge.

    Args:
        lm: The model that computes the keys and values.
    """

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self._newest = NO_PREFIX

    def shared_by(self, sequences: Sequence[Sequence[int]]) -> Prefix:
        """Return the longest prefix that all sequences share, computed now unless it is the newest one."""
        ids = shared_ids(self.lm, sequences)
        if not ids:
            return NO_PREFIX
        prefix = self._newest
        if ids != prefix.ids:
            self._newest = NO_PREFIX  # older ones would only take memory
            self._newest = prefix = _computed(self.lm, ids)
        return prefix


def shared_ids(lm: LanguageModel, sequences: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the longest prefix that sequences share, each keeping at least one token of its own; nothing is computed.

    It is empty where sharing would not pay, and for models that cannot go on from one (see `CacheUse`).
    """
    if len(sequences) < 2:
        return ()
    first = sequences[0]
    length = min(min(shared_length(first, other), len(other) - 1) for other in sequences)
    return () if length < _WORTH_SHARING or lm.cache_use is not CacheUse.SHARED else tuple(first[:length])


@torch.inference_mode()
def _computed(lm: LanguageModel, ids: tuple[int, ...]) -> Prefix:
    tokens = torch.tensor([ids], device=lm.device)
    output = lm.model.base_model(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=True)
    return Prefix(ids, output[cache_argument(lm.model)])
