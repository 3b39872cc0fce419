"""A model without its weights: it still knows its tokens, template and limits, and takes no memory."""

from __future__ import annotations

import copy
import gc

import torch

from truthmap.lm.model import LanguageModel
from truthmap.lm.oom import release_cached_memory


def meta_model(lm: LanguageModel) -> LanguageModel:
    """Return the same model with its weights left out (on torch's `meta` device): tokens, template and limits remain.

    Whatever takes a forward pass fails, finding the blocks included.
    The given model keeps its own weights; they go when nobody holds it any more.
    """
    config = copy.deepcopy(lm.model.config)
    with torch.device("meta"):
        model = type(lm.model)(config)
    model.generation_config = copy.deepcopy(lm.model.generation_config)
    return LanguageModel(lm.name, model.eval(), lm.tokenizer, lm.settings)


def release_memory(device: torch.device) -> None:
    """Give back to the device what dropped models held there."""
    gc.collect()
    release_cached_memory(device)
