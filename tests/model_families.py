"""Tiny random models of the families that truthmap promises to read, made from configurations: nothing is fetched.

Weights are drawn wide, so that a wrong position or a padding token that leaks moves the states far more than rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.records import Site

VOCABULARY = 64
LAYERS = 3
CONTEXT = 64
WIDTH = 32
WINDOW = 8

Settings = dict[str, Any]

_TOKENS: Settings = {"vocab_size": VOCABULARY, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
_USUAL: Settings = {
    **_TOKENS,
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.2,
}
_GEMMA: Settings = {**_USUAL, "head_dim": 8, "query_pre_attn_scalar": 8}
_OPT: Settings = {**_USUAL, "ffn_dim": 48, "word_embed_proj_dim": WIDTH, "init_std": 0.2}
_GPT_OSS: Settings = {
    **_USUAL,
    "head_dim": 8,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}

FAMILIES: dict[str, tuple[str, Settings]] = {
    "llama": ("LlamaConfig", _USUAL),
    "mistral": ("MistralConfig", {**_USUAL, "sliding_window": None}),
    "qwen2": ("Qwen2Config", _USUAL),
    "qwen3": ("Qwen3Config", {**_USUAL, "head_dim": 8}),
    "gemma2": ("Gemma2Config", _GEMMA),
    "gemma3": ("Gemma3TextConfig", _GEMMA),
    "phi3": ("Phi3Config", _USUAL),
    "gpt2": (
        "GPT2Config",
        {**_TOKENS, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": CONTEXT, "initializer_range": 0.2},
    ),
    "gpt_neox": ("GPTNeoXConfig", _USUAL),
    "opt": ("OPTConfig", _OPT),
    "bloom": (
        "BloomConfig",
        {**_TOKENS, "hidden_size": WIDTH, "n_layer": LAYERS, "n_head": 4, "initializer_range": 0.2},
    ),
    "falcon": ("FalconConfig", _USUAL),
    "starcoder2": ("Starcoder2Config", _USUAL),
    "olmo2": ("Olmo2Config", _USUAL),
    "cohere": ("CohereConfig", _USUAL),
    "mixtral": ("MixtralConfig", {**_USUAL, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen3_moe": (
        "Qwen3MoeConfig",
        {**_USUAL, "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24},
    ),
    "gpt_oss": ("GptOssConfig", _GPT_OSS),
}
"""The families by name: the class of the configuration and what it is made with."""

_WINDOWED: Settings = {"sliding_window": WINDOW}
VARIANTS: dict[str, tuple[str, Settings]] = {
    "mistral, window": ("MistralConfig", {**_USUAL, **_WINDOWED}),
    "phi3, window": ("Phi3Config", {**_USUAL, **_WINDOWED}),
    "qwen2, window": ("Qwen2Config", {**_USUAL, **_WINDOWED, "use_sliding_window": True, "max_window_layers": 1}),
    "gemma2, window": ("Gemma2Config", {**_GEMMA, **_WINDOWED}),
    "gemma3, window": ("Gemma3TextConfig", {**_GEMMA, **_WINDOWED, "sliding_window_pattern": 2}),
    "gpt_oss, window": ("GptOssConfig", {**_GPT_OSS, **_WINDOWED}),
    "starcoder2, window": ("Starcoder2Config", {**_USUAL, **_WINDOWED}),
    "opt, norm after": ("OPTConfig", {**_OPT, "do_layer_norm_before": False, "word_embed_proj_dim": 16}),
    "falcon, alibi": ("FalconConfig", {**_USUAL, "alibi": True}),
    "falcon, new blocks": ("FalconConfig", {**_USUAL, "new_decoder_architecture": True}),
    "gpt_neox, one after the other": ("GPTNeoXConfig", {**_USUAL, "use_parallel_residual": False}),
    "gemma3, with vision": (
        "Gemma3Config",
        {
            "text_config": {**_GEMMA, "model_type": "gemma3_text"},
            "vision_config": {
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": LAYERS,
                "num_attention_heads": 2,
                "image_size": 28,
                "patch_size": 14,
            },
        },
    ),
    "gemma3n, window": (
        "Gemma3nTextConfig",
        {
            **_GEMMA,
            **_WINDOWED,
            "num_hidden_layers": 3,
            "num_kv_shared_layers": 0,
            "hidden_size_per_layer_input": 8,
            "laurel_rank": 4,
            "vocab_size_per_layer_input": VOCABULARY,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "qwen3_moe, some layers dense": ("Qwen3MoeConfig", {**FAMILIES["qwen3_moe"][1], "mlp_only_layers": [0]}),
}
"""Ways in which members of a family differ that could break a law."""

ALL = {**FAMILIES, **VARIANTS}

# On models this small a second thread costs more than it brings.
torch.set_num_threads(1)


@cache
def language_model(name: str) -> LanguageModel:
    """Return the random model of a family or variant, with a tokenizer that has a word per id."""
    import transformers
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    kind, settings = ALL[name]
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(getattr(transformers, kind)(**settings))
    words = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{f"w{n}": n for n in range(3, VOCABULARY)}}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")),
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
    )
    return LanguageModel(name, model.eval().requires_grad_(False), tokenizer, LoadSettings())


def sequences(shared: int, own: Sequence[int] = (3, 14, 7, 1, 9)) -> list[tuple[int, ...]]:
    """Return token ids: sequences that share their first `shared` ids and then go their own ways."""
    draws = torch.Generator().manual_seed(1)
    ids = torch.randint(3, VOCABULARY, (shared + sum(own),), generator=draws).tolist()
    prefix, rest = ids[:shared], iter(ids[shared:])
    return [tuple(prefix + [next(rest) for _ in range(count)]) for count in own]


@torch.inference_mode()
def traced(lm: LanguageModel, tokens: torch.Tensor, mask: torch.Tensor, site: Site = Site.RESIDUAL) -> torch.Tensor:
    """Return the states (L, rows, tokens, d) of one forward pass over everything, without a cache."""
    seen = torch.empty(0)

    def look(layer: int, states: torch.Tensor) -> None:
        nonlocal seen
        if not layer:
            seen = states.new_zeros((lm.n_layers, *tokens.shape, states.shape[-1]))
        seen[layer] = states.reshape(seen.shape[1:])

    with record_hidden_states(lm.blocks.at(site), look):
        lm.model.base_model(**forward_inputs(lm.model, tokens, mask), use_cache=False)
    return seen


def traced_alone(lm: LanguageModel, ids: Sequence[int], site: Site = Site.RESIDUAL) -> torch.Tensor:
    """Return the states (L, tokens, d) of one sequence read alone: what every other way must equal."""
    tokens = torch.tensor([list(ids)], device=lm.device)
    return traced(lm, tokens, torch.ones_like(tokens), site)[:, 0]


def hooks_of(lm: LanguageModel) -> int:
    """Count the hooks in a model; transformers keeps some of its own there once hidden states were asked for."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in lm.model.modules())


ROUNDING = {"rtol": 1e-4, "atol": 1e-4}
"""Other batch shapes and cached keys sum float32 numbers in another order. Measured over all families: at most 1.2e-5
at states of up to 12; a token at a wrong place or a padding token that is seen moves some state by more than 0.1."""
