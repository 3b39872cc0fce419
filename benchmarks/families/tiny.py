"""Tiny random models of any kind, made from the kind's own configuration by shrinking the fields that it has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PretrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

VOCABULARY = 96
LAYERS = 6
"""So many that every kind of layer occurs in the usual patterns (one in four, one in five, one in six)."""
_MOST_PARAMETERS = 130_000_000
_WIDE = 0.15
"""Spread of the drawn weights: so wide that a wrong place or padding that is seen moves states far more than rounding,
and not so wide that six layers make more of rounding than float32 bears."""

_DEPTH = r"num_hidden_layers|n_layers?|num_layers|.*(en|de)coder_layers|.*num_hidden_layers|depths?|num_blocks"
_SIZES = (
    (r".*index_topk|indexer_budget", 128),  # all tokens of a short text: which sparse attention picks is not tried
    (r"indexer_(kv_heads|compress_ratio)", 1),
    (r".*vocab_size.*|n_vocab|.*_group_vocab", VOCABULARY),
    (_DEPTH, LAYERS),
    (r"num_kv_shared_layers|first_k_dense_replace|moe_layer_start_index|num_nextn_predict_layers|num_mem_blocks", 1),
    (r"mtp_num_hidden_layers|num_mtp_layers", 1),
    (r"layer_group_size", 3),
    (r".*_layer_period", 4),
    (r".*_layer_offset", 1),
    (r".*(key_value|kv)_heads|kv_n_heads|multi_query_group_num|n_head_kv|.*num_key_heads|.*num_query_groups", 2),
    (r".*(experts_per_tok(en)?|topk|moe_k|top_k_experts|experts_used)", 2),
    (r"n_group|topk_group|num_expert_group|.*n_groups", 1),
    (r"n(um)?_shared_experts|moe_num_shared_experts", 1),
    (r".*experts?(_num)?", 4),
    (r".*lora_rank", 16),
    (r"rotary_dim|.*laurel_rank|time_step_rank", 4),
    (r"mamba_d_head|mamba_head_?dim|qk_head_dim", 16),
    (r".*head_dim|kv_channels|head_size|d_kv|.*headdim|d_head|hidden_size_per_layer_input", 8),
    (r".*n?_?heads?|.*num_heads|.*num_value_heads", 4),
    (r".*hidden_size|n_embd|n_embed|d_model|.*emb(ed|edding)?_dim|dim_model|word_embed_proj_dim", 32),
    (r"embedding_size|hidden_dim|width|dim|lru_width|adapter_(in|out)_dim", 32),
    (r".*intermediate_size.*|n_inner|ffn_dim|d_ff|.*ffn.*(dim|size)|dim_ff|dff|.*ff_dim|mlp_dim", 48),
    (r"(original_)?max_position_embeddings|n_positions|max_seq(uence)?_len(gth)?|n_ctx|context_length", 128),
    (r"seq_length|block_size", 128),
    (r".*d_state|.*state_size", 8),
    (r".*round_up_to_multiple_of", 8),
    (r".*image_size", 28),
    (r".*patch_size", 14),
    (r"sliding_window(_size)?|attention_window_size|window_size|.*chunk_size|local_attention", 8),
    (r"max_(batch|num).*|num_image_tokens|image_seq_length|mm_tokens_per_image", 4),
)
"""What a field's name means, and how large it is in a tiny model; the first that fits counts, none grows."""

_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
_SECTIONS = {"mrope_section": [1, 1, 2]}
"""A rotation in sections (time, height, width of an image) where only a kind's own code knows that it has them."""


def _drafting(model_type: str) -> dict[str, Any]:
    """Return the text part of a model that drafts for another: it has no embeddings for each layer."""
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4}
    heads = {"num_key_value_heads": 2, "head_dim": 8, "global_head_dim": 8, "vocab_size": VOCABULARY}
    none = {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}
    return {"model_type": model_type, **sizes, **heads, **none}


_TIED_FIELDS: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [2, 5]},
    "chameleon": {"vocabulary_map": {"<image>": 4}},
    "cohere_compass_text": {"rope_parameters": {"full_attention": _ROPE}},
    "dbrx": {"attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0}},
    "deepseek_ocr2_text": {"mlp_layer_types": ["dense", "sparse"] * 3},
    "dots3_note_text": {
        "num_key_value_heads": 4,
        **{f"swa_{name}": 4 for name in ("num_attention_heads", "num_key_value_heads")},
        **{f"swa_{name}": 16 for name in ("q_lora_rank", "kv_lora_rank", "head_dim")},
        **{f"swa_{name}": 8 for name in ("qk_nope_head_dim", "v_head_dim")},
    },
    "ernie4_5_vl_moe_text": {"rope_parameters": {**_ROPE, "mrope_section": [1, 1, 2]}},
    "gemma4_assistant": {"text_config": _drafting("gemma4_text")},
    "gemma4_unified_assistant": {"text_config": _drafting("gemma4_unified_text")},
    "gpt_neo": {"attention_types": [[["global", "local"], LAYERS // 2]]},
    "granite4_vision": {"deepstack_layer_map": [], "spatial_target_layers": [], "downsample_rate": "1/2"},
    "granitemoehybrid": {"layer_types": ["mamba", "mamba", "attention"] * 2},
    "hunyuan_vl_text": {"head_dim": 16, "rope_parameters": {**_ROPE, "mrope_section": [2, 2, 2, 2]}},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 3},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 3, "num_dense_layers": 1},
    "mamba2": {"head_dim": 16},
    "qwen2_5_omni_thinker": {"vision_start_token_id": 4},
    "qwen3_omni_moe_thinker": {"vision_start_token_id": 4},
    "radio": {"video_temporal_patch_size": 2},
    "reformer": {"is_decoder": True, "axial_pos_embds": False},
    "xlstm": {"hidden_size": 64, "embedding_dim": 64, "qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "layers_block_type": ["linear_attention", "hybrid"] * 3,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
    },
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"] * 3},
}
"""Fields of a kind, or a part of one, that depend on each other in a way that no name tells, or that checkpoints have
and the defaults lack."""

_TRIALS: tuple[tuple[dict[str, Any], bool], ...] = (
    ({}, False),
    ({"num_key_value_heads": 4}, False),
    ({"head_dim": 16, "num_key_value_heads": 4}, False),
    ({}, True),
    ({"head_dim": 8, "num_key_value_heads": 4}, True),
    ({"num_key_value_heads": 2, "head_dim": 8}, False),
    ({"rope_parameters": _SECTIONS}, False),
    ({"rope_parameters": _SECTIONS, "head_dim": 16, "num_key_value_heads": 4}, False),
)
"""Sizes that some kinds want otherwise, and whether fields without a value get one: tried in this order."""


class CannotShrinkError(Exception):
    """No tiny model of a kind could be made; says what the last trial ended with."""


def tiny_model(model_type: str, auto_class: type[Any]) -> Any:
    """Return a random model of a kind, in evaluation mode; if any of the trials gives one that reads text, that one.

    Raises:
        CannotShrinkError: none of the trials gives a model.
    """
    reason, unread = "", None
    for fields, fill in _TRIALS:
        try:
            config = tiny_config(CONFIG_MAPPING[model_type], fields, fill=fill)
            with torch.device("meta"):
                size = sum(p.numel() for p in auto_class.from_config(config).parameters())
            if size > _MOST_PARAMETERS:
                reason = f"{size / 1e6:.0f} million parameters however it is shrunk"
                continue
            torch.manual_seed(0)
            model = auto_class.from_config(config).eval().requires_grad_(False)
        except Exception as error:  # noqa: BLE001 whatever a kind's own code says to sizes that it does not take
            reason = " ".join(str(error).split())
            continue
        if _reads(model):
            return model
        unread = unread or model
    if unread is None:
        raise CannotShrinkError(reason)
    return unread


def _reads(model: Any) -> bool:
    tokens = torch.arange(5, 15)[None]
    try:
        with torch.inference_mode():
            model(input_ids=tokens, attention_mask=torch.ones_like(tokens))
    except Exception:  # noqa: BLE001 as above, or a kind that reads no text alone
        return False
    return True


def tiny_config(kind: type[PretrainedConfig], fields: Mapping[str, Any], *, fill: bool) -> PretrainedConfig:
    """Return a configuration of a kind with its sizes shrunk, those of its parts too.

    Args:
        kind: The kind's configuration class.
        fields: Values that are set whatever the names say, where the class has such fields.
        fill: Give a size to fields that have no value.
    """
    tied = _TIED_FIELDS.get(kind.model_type, {})
    try:
        base = kind()
    except Exception:  # noqa: BLE001 a kind whose defaults do not go together
        base = kind(**tied)
    known = base.to_dict()
    own = _fields(kind)
    depth = max((v for n, v in known.items() if isinstance(v, int) and re.fullmatch(_DEPTH, n)), default=0)
    chosen: dict[str, Any] = {}
    for name in own:
        value = base.__dict__.get(name, known.get(name))
        if isinstance(value, PretrainedConfig):
            chosen[name] = tiny_config(type(value), fields, fill=fill)
        elif isinstance(value, (list, tuple)):
            if len(value) == depth > LAYERS:
                chosen[name] = _cut([_small(name, each) for each in value])
            elif name.endswith(("token_id", "token_ids")):
                chosen[name] = [min(each, 3) for each in value]
            elif "feature_layer" in name:
                chosen[name] = [LAYERS - 1 - place for place in range(len(value))]
        elif value is None:
            size = _small(name, 1 << 40) if fill else None
            if size is not None and size < 1 << 40 and not name.endswith("token_id"):
                chosen[name] = size
        elif _small(name, value) != value:
            chosen[name] = _small(name, value)
    chosen.update({name: _WIDE for name in ("initializer_range", "init_std") if name in own})
    chosen.update({name: value for name, value in fields.items() if name in own})
    if isinstance(known.get("rope_parameters"), dict):
        heads = chosen.get("num_attention_heads") or known.get("num_attention_heads") or 1
        width = chosen.get("head_dim") or known.get("head_dim") or (chosen.get("hidden_size") or 0) // heads
        turning = {**known["rope_parameters"], **fields.get("rope_parameters", {})}
        chosen["rope_parameters"] = _turning(turning, width)
    return kind(**{**chosen, **tied})


def _turning(rope: Mapping[str, Any], width: int) -> dict[str, Any]:
    """Return the parameters of a rotation whose sections (time, height, width of an image) fill heads of this width."""
    turning: dict[str, Any] = {
        name: _turning(each, width) if isinstance(each, dict) else each for name, each in rope.items()
    }
    sections = turning.get("mrope_section")
    if sections:
        half = int(width * turning.get("partial_rotary_factor", 1.0)) // 2
        turning["mrope_section"] = [1] * (len(sections) - 1) + [half - len(sections) + 1]
    return turning


def _small(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return value
    if name.endswith(("token_id", "token_index")):
        return value if value < VOCABULARY else 3
    return next((min(value, size) for rule, size in _SIZES if re.fullmatch(rule, name)), value)


def _fields(kind: type[PretrainedConfig]) -> list[str]:
    names = [name for each in reversed(kind.__mro__) for name in getattr(each, "__annotations__", {})]
    names += list(inspect.signature(kind.__init__).parameters)
    without = {"self", "kwargs", "args", "model_type", "sub_configs"}
    return [name for name in dict.fromkeys(names) if name not in without and not name.startswith("_")]


def _cut(items: Sequence[Any]) -> list[Any]:
    """Return as many items as there are layers, side by side in the whole list, with every kind of item among them."""
    kinds = list(dict.fromkeys(map(str, items)))
    for start in range(len(items) - LAYERS + 1):
        part = list(items[start : start + LAYERS])
        if len(set(map(str, part))) == len(kinds):
            return part
    firsts = [next(item for item in items if str(item) == kind) for kind in kinds]
    return (firsts * LAYERS)[:LAYERS]
