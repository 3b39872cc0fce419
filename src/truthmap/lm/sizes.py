"""How many bytes a model, its cache and its states take, asked of the model itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from truthmap.lm.accepted import cache_argument
from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.model import LanguageModel
from truthmap.lm.sites import Blocks
from truthmap.records import Site

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TOKENS = 8  # a short pass shows every size


@dataclass(frozen=True)
class Sizes:
    """Sizes of a model, in bytes.

    Attributes:
        weights: All parameters and buffers.
        cache_token: Keys and values of one token in all layers.
        state: For each site the state of one token in one layer.
        logits: The float32 logits of one token.
        number: A number in a state.
    """

    weights: int
    cache_token: int
    state: Mapping[Site, int]
    logits: int
    number: int


def measure_sizes(lm: LanguageModel, sites: tuple[Site, ...]) -> Sizes:
    """Read sizes off one short forward pass.

    Raises:
        ModelError: the model lacks one of the sites.
    """
    return sizes_of(lm.model, lm.blocks, sites)


@torch.inference_mode()
def sizes_of(model: PreTrainedModel, blocks: Blocks, sites: tuple[Site, ...]) -> Sizes:
    """Read sizes off one short forward pass of a model, which may lie on torch's `meta` device.

    Raises:
        ModelError: the model lacks one of the sites.
    """
    state: dict[Site, int] = {}
    numbers: set[int] = set()

    def look(site: Site, _layer: int, states: torch.Tensor) -> None:
        state[site] = states.shape[-1] * states.element_size()
        numbers.add(states.element_size())

    tokens = torch.zeros((1, _TOKENS), dtype=torch.long, device=model.get_input_embeddings().weight.device)
    inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    with ExitStack() as hooks:
        for site in sites:
            hooks.enter_context(record_hidden_states(blocks.at(site), partial(look, site)))
        output = model.base_model(**inputs, use_cache=True)
    tensors = [*model.parameters(), *model.buffers()]
    return Sizes(
        weights=sum(t.numel() * t.element_size() for t in tensors),
        cache_token=_cached(output.get(cache_argument(model))) // _TOKENS,
        state=state,
        logits=4 * int(model.config.get_text_config().vocab_size),
        number=max(numbers, default=model.dtype.itemsize),
    )


def device_memory(device: torch.device) -> int:
    """Return how many bytes of memory a device has in all, free or not."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cached(cache: Any) -> int:
    layers = getattr(cache, "layers", ())
    held = [getattr(layer, name, None) for layer in layers for name in ("keys", "values")]
    return sum(t.numel() * t.element_size() for t in held if isinstance(t, torch.Tensor))
