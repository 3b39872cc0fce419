"""What a forward pass is given, so that padding moves no token."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def forward_inputs(
    model: PreTrainedModel, tokens: torch.Tensor, mask: torch.Tensor, start: int = 0
) -> dict[str, torch.Tensor]:
    """Return the arguments of a forward pass in which every token knows its own place, whatever the padding.

    Args:
        model: The model.
        tokens: int64 (rows, tokens).
        mask: int64 (rows, past + tokens): 0 where there is padding.
        start: How many of the mask's columns are in the cache already.
    """
    accepted = accepted_arguments(type(model.base_model).forward)
    # A model of recurrent layers alone has no use for a mask over what it has read already, and takes it amiss.
    inputs = {"input_ids": tokens, "attention_mask": mask[:, start:] if "cache_params" in accepted else mask}
    if "position_ids" in accepted:
        inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)[:, start:]
    return inputs


@cache
def accepted_arguments(forward: Callable[..., object]) -> frozenset[str]:
    """Return the names of the arguments that a kind of module takes in its forward pass."""
    return frozenset(inspect.signature(forward).parameters)
