"""What a model carries from one token to the next, and which ways of decoding it bears: found by trying them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import pad

from truthmap.lm.accepted import cache_argument, is_recurrent
from truthmap.lm.forward_inputs import forward_inputs

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ROWS = ((5, 4, 9, 7, 6), (5, 4, 8))
"""The sequences that the ways are tried on: they begin alike and go on at different lengths."""
_SHARED = 2
_NEXT = ((4, 8, 3), (8, 6, 9))

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.25}
"""Greatest relative difference of a token's state that rounding explains, by the dtype that the model computes in.

Sums in another order give, with the 30 layers of smollm2, at most 3e-6 in float32, 8e-3 in float16 and 5e-2 in
bfloat16. A padding token that is seen changes a state by 1.5 and more."""


class CacheUse(StrEnum):
    """How much of what a model has computed can be used again while a batch is decoded."""

    SHARED = "shared"
    """A prefix that all rows share is computed once, and every row goes on from its own cache."""
    OWN = "own"
    """Every row goes on from its own cache; no prefix is shared (recurrent states, places counted over padding)."""
    NONE = "none"
    """There is no cache, or padding spoils it: every step reads the whole row again. Slow, and right."""


def select_cache_rows(cache: Any, places: torch.Tensor) -> None:
    """Keep the rows at these places, in this order: places int64 (rows,)."""
    if any(is_recurrent(layer) for layer in cache.layers):
        cache.reorder_cache(places)  # recurrent layers know no other way
    else:
        cache.batch_select_indices(places)


def can_be_joined(cache: Any) -> bool:
    """Return whether rows may join a cache that others have gone on with: its layers hold keys and values, and all.

    A sliding window has forgotten what it does not see, and counts padding; a recurrent state knows no padding.
    """
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer for layer in cache.layers)


def join_caches(cache: Any, other: Any) -> None:
    """Put the rows of another cache behind those of a cache, in place; the narrower one is padded on the left."""
    for layer, joining in zip(cache.layers, other.layers, strict=True):
        for name in ("keys", "values"):
            held = [getattr(layer, name), getattr(joining, name)]
            width = max(each.shape[-2] for each in held)
            setattr(layer, name, torch.cat([pad(each, (0, 0, width - each.shape[-2], 0)) for each in held]))


def drop_columns(cache: Any, count: int) -> None:
    """Drop the first columns of a cache that can be joined, in place."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[:, :, count:], layer.values[:, :, count:]


def repeated(cache: Any, rows: int) -> Any:
    """Return a copy of the cache of one row for `rows` rows."""
    extended = copy.deepcopy(cache)
    if rows > 1:
        extended.batch_repeat_interleave(rows)
    return extended


def shortest_window(model: PreTrainedModel) -> int | None:
    """Return the length of the shortest sliding attention window, or `None` where every layer sees everything."""
    from transformers import DynamicCache

    config = model.config.get_text_config()
    windows = [getattr(layer, "sliding_window", None) for layer in DynamicCache(config=model.config).layers]
    # Some models cut the mask themselves and keep everything in a plain cache.
    windows += [getattr(config, name, None) for name in ("sliding_window", "window_size", "attention_window_size")]
    return min((int(window) for window in windows if isinstance(window, int) and window > 0), default=None)


@torch.inference_mode()
def find_cache_use(model: PreTrainedModel, before: int = 0) -> CacheUse:
    """Try on a few tokens which ways of decoding give the states of a plain forward pass, and return the fastest.

    Two rows of different lengths are padded on the left and go on for some tokens, from a shared prefix or without one;
    their order is changed in between, as rows that leave a batch do. What counts as the same is seen from the same rows
    padded on the right, where nothing but rounding can differ in a decoder: some models compute a single step by
    another formula than a whole sequence (in transformers 5.23 the step of Mamba-2 leaves out a bound of its time
    step), and such a difference is small, and no rounding.

    Args:
        model: The model.
        before: Tokens that stand in front of the few: how sequences of that length can be decoded.
    """
    name = cache_argument(model)
    if name is None:
        return CacheUse.NONE
    device = model.get_input_embeddings().weight.device
    front = tuple(3 + n % 7 for n in range(before))
    rows = [front + row for row in _ROWS]
    whole = [row + on for row, on in zip(rows, _NEXT, strict=True)]
    wanted = torch.cat([_last(model, [row], device) for row in whole])
    rounding = _distance(_last(model, whole, device), wanted)
    allowed = min(TOLERANCES[model.dtype], max(TOLERANCES[model.dtype] / 30, 10 * rounding))
    for use, shared in ((CacheUse.SHARED, before + _SHARED), (CacheUse.OWN, 0)):
        try:
            found = _went_on(model, name, rows, shared, device)
        except (AttributeError, RuntimeError, TypeError, ValueError, KeyError, IndexError):
            continue  # this way is not for this model
        if _distance(found, wanted) <= allowed:
            return use
    return CacheUse.NONE


def _distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    distance = (found.double() - wanted.double()).norm(dim=-1) / wanted.double().norm(dim=-1).clamp(min=1e-12)
    return float(distance.nan_to_num(nan=torch.inf).max())


def _went_on(
    model: PreTrainedModel, name: str, rows: Sequence[Sequence[int]], shared: int, device: torch.device
) -> torch.Tensor:
    """Return the last states (rows, d) of rows that were begun together and then read on token by token."""
    cache = None
    if shared:
        ids = torch.tensor([rows[0][:shared]], device=device)
        cache = model.base_model(**forward_inputs(model, ids, torch.ones_like(ids)), use_cache=True)[name]
        if any(is_recurrent(layer) for layer in cache.layers):
            raise ValueError("a recurrent state takes padding behind a prefix for tokens")
        cache = repeated(cache, len(rows))
    own = [row[shared:] for row in rows]
    longest = max(map(len, own))
    tokens = torch.tensor([[0] * (longest - len(row)) + list(row) for row in own], device=device)
    padding = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in own], device=device)
    mask = torch.cat([padding.new_ones((len(own), shared)), padding], dim=-1)
    states = torch.empty(0)
    order, swapped = torch.arange(len(own), device=device), torch.tensor([1, 0], device=device)
    for step in range(1 + len(_NEXT[0])):
        inputs = forward_inputs(model, tokens, mask, mask.shape[1] - tokens.shape[1])
        output = model.base_model(**inputs, **{name: cache, "use_cache": True})
        cache, states = output[name], output[0][:, -1]
        if step < len(_NEXT[0]):
            select_cache_rows(cache, swapped)
            order = order[swapped]
            mask = torch.cat([mask, mask.new_ones((len(own), 1))], dim=-1)[swapped]
            tokens = torch.tensor([[_NEXT[row][step]] for row in order.tolist()], device=device)
    return states[order.argsort()]


def _last(model: PreTrainedModel, rows: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    """Return the last states (rows, d) of rows that are read in one pass, padded on the right."""
    longest = max(map(len, rows))
    tokens = torch.tensor([list(row) + [0] * (longest - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    states: torch.Tensor = model.base_model(**forward_inputs(model, tokens, mask))[0]
    return states[torch.arange(len(rows)), mask.sum(-1) - 1]
