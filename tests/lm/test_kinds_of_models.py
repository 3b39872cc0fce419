"""A fast part of the sweep over kinds of models (`make families` has all): obeyed laws, or one line of refusal."""

from __future__ import annotations

import re

import pytest
from benchmarks.families.sweep import Result, causal_types, seeing_types, try_kind

OBEY = {
    "deepseek_v3": "residual, mlp, attention, head",
    "deepseek_v4": "residual, mlp, mlp_post, attention, head; no usable cache, slow",
    "falcon_h1": "residual, mlp, mlp_post, attention, head; no shared prefix",
    "falcon_mamba": "residual, mixer; no shared prefix",
    "gemma4_text": "residual, mlp, mlp_post, attention, head",
    "granitemoehybrid": "residual, mlp, mlp_post, mixer; no shared prefix",
    "jamba": "residual, mlp, mixer; no shared prefix",
    "kosmos-2.5": "residual, mlp, mlp_post, attention, head",
    "lfm2": "residual, mlp, mlp_post, mixer; no shared prefix",
    "mamba2": "residual, mixer; no shared prefix",
    "mistral3": "residual, mlp, mlp_post, attention, head",
    "nemotron_h": "residual; no shared prefix",
    "moshi": "residual, mlp, mlp_post, attention, head",
    "openai-gpt": "residual, mlp, mlp_post, attention, head; no usable cache, slow",
    "qwen2_5_vl": "residual, mlp, mlp_post, attention, head",
    "qwen3_5_moe_text": "residual, mlp, mixer; no shared prefix",
    "qwen3_5_text": "residual, mlp, mlp_post, mixer; no shared prefix",
    "qwen3_next": "residual, mlp, mixer; no shared prefix",
    "qwen3_vl": "residual, mlp, mlp_post, attention, head",
    "rwkv": "residual, mlp, mlp_post; no usable cache, slow",
}
SLOW = (
    "deepseek_v4",
    "falcon_h1",
    "falcon_mamba",
    "granitemoehybrid",
    "kosmos-2.5",
    "moshi",
    "openai-gpt",
    "qwen2_5_vl",
    "qwen3_5_moe_text",
    "qwen3_next",
    "rwkv",
)
REFUSED = {
    "bert": "bert is an encoder: .*; take a decoder",
    "mllama": "block 3 is not called when the model reads text alone",
    "blip": r"blip cannot read text alone \(TypeError: .*'pixel_values'\); take a model",
    "cpmant": "cpmant: its blocks hand on .* truthmap reads one state for each token",
}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if k in SLOW else k for k in OBEY])
def test_a_kind_of_decoder_obeys_every_law(kind: str) -> None:
    row = try_kind(kind)
    assert (row.result, row.detail) == (Result.OBEYS, OBEY[kind])


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_studied_is_refused_in_one_line(kind: str) -> None:
    row = try_kind(kind)
    assert row.result is Result.REFUSED
    assert re.search(REFUSED[kind], row.detail)
    assert "\n" not in row.detail


def test_the_sweep_covers_the_whole_mapping_once() -> None:
    kinds = [*causal_types(), *seeing_types()]
    assert len(kinds) == len(set(kinds)) > 200
