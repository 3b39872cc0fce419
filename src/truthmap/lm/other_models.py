"""Models that are made from another one: with weights drawn anew, or asked in another prompt format."""

from __future__ import annotations

import copy
from dataclasses import replace
from weakref import WeakKeyDictionary

import torch
from torch import nn

from truthmap.lm.load_settings import PromptFormat
from truthmap.lm.model import LanguageModel
from truthmap.seeding import seed_from

_DRAWN: WeakKeyDictionary[nn.Module, tuple[int, LanguageModel]] = WeakKeyDictionary()
"""For each model that is in memory the last one that was drawn from its configuration."""


def with_random_weights(lm: LanguageModel, seed: int = 0) -> LanguageModel:
    """Return a model of the same configuration and tokens that has learned nothing, as before its first training step.

    Args:
        lm: The model; it stays as it is.
        seed: Where the draws start.
    """
    drawn = _DRAWN.get(lm.model)
    if drawn is not None and drawn[0] == seed:
        return drawn[1]
    config = copy.deepcopy(lm.model.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_from("random weights", str(seed)))
        model = type(lm.model)(config)
    model = model.to(device=lm.device, dtype=lm.dtype).eval().requires_grad_(False)
    made = LanguageModel(f"{lm.name} with random weights", model, lm.tokenizer, lm.settings)
    _DRAWN[lm.model] = seed, made
    return made


def asked_otherwise(lm: LanguageModel) -> LanguageModel:
    """Return the same model, asked plainly if it is asked in its chat template, and the other way round.

    Raises:
        ModelError: when it is first asked, if it has no chat template.
    """
    other: PromptFormat = "plain" if lm.asks_in_chat else "chat"
    return LanguageModel(f"{lm.name} asked {other}", lm.model, lm.tokenizer, replace(lm.settings, prompt_format=other))
