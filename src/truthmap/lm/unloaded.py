"""A model known by its configuration alone: laid out on torch's `meta` device, where tensors have no numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from truthmap.errors import ModelError
from truthmap.lm.load import auto_class, locate_files, pick_dtype, read_config, read_tokenizer
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.lm.sites import find_blocks
from truthmap.lm.sizes import Sizes, sizes_of
from truthmap.records import Site

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_BITS = {"8bit": 8, "4bit": 4}
_EXPERT = re.compile(r"\.experts\.")
_ROUTED = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_TAKEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts", "moe_top_k")
_LONGEST = 200  # characters of a message from a model's own code


@dataclass(frozen=True)
class ModelSizes:
    """What a model's configuration says of its size.

    Attributes:
        name: What the user called the model.
        layers: Blocks (L).
        heads: Attention heads, 1 where there are none.
        parameters: Numbers in its weights.
        active: Those of them that one token is multiplied by: of a mixture's experts, the ones that are taken.
        sizes: Bytes of its weights as they are loaded, and of a token's cache, states and logits.
        max_length: Longest sequence in tokens, where it has one.
    """

    name: str
    layers: int
    heads: int
    parameters: int
    active: int
    sizes: Sizes
    max_length: int | None


def lay_out(name: str, settings: LoadSettings, device: torch.device) -> PreTrainedModel:
    """Lay a model out from its configuration; its weights are neither fetched nor read.

    Args:
        name: As `load_model` takes it.
        settings: How it will be loaded.
        device: Where it will be, for its dtype; it need not be there now.

    Raises:
        ModelError: there is no such model, or it cannot be laid out; the message says what to do.
    """
    config = read_config(locate_files(name, settings), needs_packages=False)
    return _laid_out(name, config, pick_dtype(settings.dtype, device), settings)


def with_tokens(name: str, settings: LoadSettings, model: PreTrainedModel) -> LanguageModel:
    """Return a model that was laid out with its tokenizer, for what needs no weights: prompts, tokens, limits.

    Raises:
        ModelError: the tokenizer cannot be read.
    """
    return LanguageModel(name, model, read_tokenizer(locate_files(name, settings)), settings)


def sizes_without_weights(
    name: str, settings: LoadSettings, model: PreTrainedModel, sites: tuple[Site, ...]
) -> ModelSizes:
    """Read the sizes of a model that was laid out.

    Args:
        name: As `load_model` takes it.
        settings: How it will be loaded.
        model: What `lay_out` gives.
        sites: What will be read.

    Raises:
        ModelError: the model lacks one of the sites, or its code needs numbers; the message says what to do.
    """
    try:
        sizes = sizes_of(model, find_blocks(model, settings.blocks), sites)
    except ModelError:
        raise
    except Exception as error:  # a model's own code raises whatever it does without numbers
        raise _unknown(name, error) from error
    text = model.config.get_text_config()
    parameters = {n: p.numel() for n, p in model.named_parameters()}
    share = _share_of_experts(text)
    active = sum(count * (share if _EXPERT.search(n) else 1.0) for n, count in parameters.items())
    embedding = model.get_input_embeddings().weight
    tied = model.get_output_embeddings() is None or model.get_output_embeddings().weight is embedding
    looked_up = 0 if tied else embedding.numel()  # not multiplied
    return ModelSizes(
        name,
        int(text.num_hidden_layers),
        int(getattr(text, "num_attention_heads", None) or 1),
        sum(parameters.values()),
        round(active) - looked_up,
        _as_loaded(sizes, model, settings),
        getattr(text, "max_position_embeddings", None),
    )


def _laid_out(name: str, config: PretrainedConfig, dtype: torch.dtype, settings: LoadSettings) -> PreTrainedModel:
    if getattr(config, "quantization_config", None) is not None:
        del config.quantization_config
    # What looks at no numbers to decide what to compute.
    options = {"experts_implementation": "batched_mm", "attn_implementation": "eager"}
    try:
        with torch.device("meta"):
            model: PreTrainedModel = auto_class(config).from_config(
                config, dtype=dtype, trust_remote_code=settings.trust_remote_code, **options
            )
    except Exception as error:
        raise _unknown(name, error) from error
    return model.eval()


def _unknown(name: str, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:_LONGEST]
    return ModelError(
        f"{name} cannot be laid out from its configuration alone ({type(error).__name__}: {reason}); "
        f"`truthmap doctor --model {name}` loads it and says what a study takes"
    )


def _share_of_experts(config: PretrainedConfig) -> float:
    """Return which share of a mixture's experts a token goes through."""
    routed = next((int(n) for name in _ROUTED if (n := getattr(config, name, None))), 0)
    taken = next((int(n) for name in _TAKEN if (n := getattr(config, name, None))), routed)
    return taken / routed if routed else 1.0


def _as_loaded(sizes: Sizes, model: PreTrainedModel, settings: LoadSettings) -> Sizes:
    """Return the sizes with weights as wide as they are loaded: in the model's dtype, or in fewer bits."""
    bits = _BITS.get(settings.quantization or "")
    if bits is None:
        return sizes
    embedding = model.get_input_embeddings().weight
    inner = sum(
        p.numel() for n, p in model.named_parameters() if p.ndim > 1 and p is not embedding and "lm_head" not in n
    )
    return Sizes(
        sizes.weights - inner * model.dtype.itemsize + inner * bits // 8,
        sizes.cache_token,
        sizes.state,
        sizes.logits,
        sizes.number,
    )
