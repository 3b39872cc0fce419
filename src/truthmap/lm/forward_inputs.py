"""What a forward pass is given, so that padding moves no token."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from truthmap.lm.accepted import accepted_arguments, is_all_recurrent

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SOME = (5, 4, 6)
_ALIKE = 1e-3
"""Share of a state's length that is no more than rounding, in any dtype: the same sums are made in the same order."""


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
    inputs = {"input_ids": tokens, "attention_mask": mask[:, start:] if start and is_all_recurrent(model) else mask}
    if "position_ids" in accepted:
        inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)[:, start:] + first_place(model)
    return inputs


_FIRST_PLACES: WeakKeyDictionary[PreTrainedModel, int] = WeakKeyDictionary()


def first_place(model: PreTrainedModel) -> int:
    """Return what a model calls the place of a sequence's first token where nobody tells it: 0 in most of them.

    Some count behind the id of their padding (fairseq's way). It is found once for a model, by reading three tokens
    whose places are told in different ways; a model that takes no places has none to tell apart, and one without
    weights (on torch's `meta` device) gives no numbers to tell them by.
    """
    if model.get_input_embeddings().weight.is_meta:
        return 0
    found = _FIRST_PLACES.get(model)
    if found is None:
        found = _FIRST_PLACES[model] = _tried_first_place(model)
    return found


@torch.inference_mode()
def _tried_first_place(model: PreTrainedModel) -> int:
    padding = getattr(model.config.get_text_config(), "pad_token_id", None)
    tokens = torch.tensor([_SOME], device=model.get_input_embeddings().weight.device)
    read = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "use_cache": False}
    own = model.base_model(**read)[0].double()

    def distance(first: int) -> float:
        places = torch.arange(first, first + tokens.shape[1], device=tokens.device)[None]
        return float((model.base_model(**read, position_ids=places)[0].double() - own).norm())

    if distance(0) <= _ALIKE * float(own.norm()):
        return 0
    return min((0, 1, 2, *([padding + 1] if isinstance(padding, int) and padding > 1 else [])), key=distance)
