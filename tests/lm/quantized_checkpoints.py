"""Tiny checkpoints with quantized weights, written as the tools that make them do, and the same weights in full."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from model_families import FAMILIES

Tensors = dict[str, torch.Tensor]
_BLOCK = 128
_E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0])


def write_checkpoint(folder: Path, tokenizer: Any, family: str, kind: str) -> Any:
    """Write a tiny model with quantized weights; return the model that has the same weights in full, as float32.

    Args:
        folder: Where to.
        tokenizer: What it is to have.
        family: Of `model_families`.
        kind: One of `KINDS`.
    """
    full = _random_model(family)
    stored, whole, said = KINDS[kind](full.state_dict())
    full.load_state_dict(whole)
    config = {**json.loads(full.config.to_json_string()), "quantization_config": said}
    config["architectures"] = [type(full).__name__]
    (folder / "config.json").write_text(json.dumps(config))
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(folder)
    return full


def _random_model(family: str) -> Any:
    import transformers

    kind, settings = FAMILIES[family]
    torch.manual_seed(0)
    config = getattr(transformers, kind)(**{**settings, "intermediate_size": 64})  # whole groups of 32
    return transformers.AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)


def _is_matrix(name: str, tensor: torch.Tensor) -> bool:
    return name.endswith("_proj.weight") and tensor.ndim == 2


def _fp8(weights: Mapping[str, torch.Tensor]) -> tuple[Tensors, Tensors, dict[str, Any]]:
    """Quantize as DeepSeek does: e4m3 in blocks of 128 × 128, each with the inverse of its scale."""
    stored, whole = {}, {}
    for name, tensor in weights.items():
        stored[name] = whole[name] = tensor.clone().contiguous()
        if _is_matrix(name, tensor):
            assert max(tensor.shape) <= _BLOCK, "one block"
            scale = (tensor.abs().max() / 448).reshape(1, 1)
            stored[name] = (tensor / scale).to(torch.float8_e4m3fn)
            stored[f"{name}_scale_inv"] = scale
            whole[name] = stored[name].float() * scale
    said = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [_BLOCK, _BLOCK]}
    return stored, whole, said


def _compressed(weights: Mapping[str, torch.Tensor]) -> tuple[Tensors, Tensors, dict[str, Any]]:
    """Quantize as llm-compressor does: e4m3 with a scale for each row."""
    stored, whole = {}, {}
    for name, tensor in weights.items():
        stored[name] = whole[name] = tensor.clone().contiguous()
        if _is_matrix(name, tensor):
            scale = tensor.abs().amax(dim=1, keepdim=True) / 448
            stored[name] = (tensor / scale).to(torch.float8_e4m3fn)
            stored[f"{name}_scale"] = scale
            whole[name] = stored[name].float() * scale
    group = {
        "targets": ["Linear"],
        "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True, "dynamic": False},
    }
    said = {
        "quant_method": "compressed-tensors", "format": "float-quantized", "quantization_status": "compressed",
        "config_groups": {"group_0": group}, "ignore": ["lm_head"],
    }  # fmt: skip
    return stored, whole, said


def _mxfp4(weights: Mapping[str, torch.Tensor]) -> tuple[Tensors, Tensors, dict[str, Any]]:
    """Quantize the experts as GPT-OSS has them: four bits (e2m1), 32 numbers to a scale, a power of two."""
    stored, whole = {}, {}
    for name, tensor in weights.items():
        stored[name] = whole[name] = tensor.clone().contiguous()
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            turned = tensor.transpose(1, 2).contiguous()  # (experts, out, in)
            grouped = turned.unflatten(2, (-1, 32))
            power = torch.floor(torch.log2(grouped.abs().amax(dim=3, keepdim=True))) - 2
            code = (grouped[..., None] / torch.exp2(power)[..., None] - _E2M1).abs().argmin(dim=-1)
            del stored[name]
            stored[f"{name}_blocks"] = (code[..., 0::2] | (code[..., 1::2] << 4)).to(torch.uint8)
            stored[f"{name}_scales"] = (power[..., 0] + 127).to(torch.uint8)
            whole[name] = (_E2M1[code] * torch.exp2(power)).flatten(2).transpose(1, 2).contiguous()
    return stored, whole, {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}


KINDS: dict[str, Callable[[Mapping[str, torch.Tensor]], tuple[Tensors, Tensors, dict[str, Any]]]] = {
    "fp8": _fp8,
    "compressed-tensors": _compressed,
    "mxfp4": _mxfp4,
}
