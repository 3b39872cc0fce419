"""What a forward pass takes: its arguments, the name of its cache, and the blocks that carry recurrent states."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CACHES = ("past_key_values", "cache_params", "cache")
"""What transformers' models call their cache, as an argument and as an output; since 5.24 all of them say `cache`."""
_RECURRENT: WeakKeyDictionary[PreTrainedModel, tuple[int, ...]] = WeakKeyDictionary()


@cache
def accepted_arguments(forward: Callable[..., object]) -> frozenset[str]:
    """Return the names of the arguments that a kind of module takes in its forward pass."""
    return frozenset(inspect.signature(forward).parameters)


def cache_argument(model: PreTrainedModel) -> str | None:
    """Return the name of the argument that carries a model's cache, or `None` where it has none."""
    accepted = accepted_arguments(type(model.base_model).forward)
    return next((name for name in _CACHES if name in accepted), None)


def carried(model: PreTrainedModel, cache: object) -> dict[str, Any]:
    """Return the arguments that let a forward pass go on from a cache, or read without one where it is `None`."""
    name = cache_argument(model)
    return {"use_cache": cache is not None, **({} if name is None else {name: cache})}


def is_recurrent(cache_layer: object) -> bool:
    """Return whether a layer of a cache carries a recurrent state, alone or beside keys and values."""
    return hasattr(cache_layer, "recurrent_states")


def recurrent_layers(model: PreTrainedModel) -> tuple[int, ...]:
    """Return the blocks that carry a recurrent state and no keys and values: they are found once for a model."""
    found = _RECURRENT.get(model)
    if found is None:
        found = _RECURRENT[model] = _found_recurrent_layers(model)
    return found


def is_all_recurrent(model: PreTrainedModel) -> bool:
    """Return whether no block of a model attends."""
    return bool(len(recurrent_layers(model)) == model.config.get_text_config().num_hidden_layers)


def _found_recurrent_layers(model: PreTrainedModel) -> tuple[int, ...]:
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    if cache_argument(model) == "cache_params":  # before transformers 5.24 these models alone call it so
        return tuple(range(int(model.config.get_text_config().num_hidden_layers)))
    layers = DynamicCache(config=model.config).layers
    return tuple(n for n, layer in enumerate(layers) if is_recurrent(layer) and not isinstance(layer, DynamicLayer))
