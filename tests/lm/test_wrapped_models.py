"""The text decoder of a model that also sees is loaded, found and read as any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from model_families import ROUNDING, VOCABULARY, WIDTH, language_model, sequences, traced_alone
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.records import Site

_TEXT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
_SEEING = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
_ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
_QWEN_EYE = {"depth": 3, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}

WRAPPED: dict[str, tuple[str, dict[str, Any]]] = {
    "mistral3": (
        "Mistral3Config",
        {
            "text_config": {**_TEXT, "model_type": "mistral", "sliding_window": None},
            "vision_config": {**_SEEING, "model_type": "pixtral", "head_dim": 8, "image_size": 28, "patch_size": 14},
        },
    ),
    "qwen3_vl": (
        "Qwen3VLConfig",
        {
            "text_config": {**_TEXT, "rope_parameters": _ROPE},
            "vision_config": {**_QWEN_EYE, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]},
        },
    ),
    "llava": (
        "LlavaConfig",
        {
            "text_config": {**_TEXT, "model_type": "llama"},
            "vision_config": {**_SEEING, "model_type": "clip_vision_model", "image_size": 28, "patch_size": 14},
        },
    ),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_a_wrapped_decoder_obeys_the_laws_of_states(kind: str, tmp_path: Path) -> None:
    name, settings = WRAPPED[kind]
    config = getattr(transformers, name)(**settings)
    torch.manual_seed(0)
    model = transformers.AutoModelForImageTextToText.from_config(config)
    model.generation_config.eos_token_id = 2
    model.save_pretrained(tmp_path)
    language_model("llama").tokenizer.save_pretrained(tmp_path)
    lm = load_model(str(tmp_path), LoadSettings(device="cpu"))
    assert "language_model" in lm.blocks.path
    assert lm.n_layers == 3
    prompts = [Prompt(f"q{n}", ids) for n, ids in enumerate(sequences(5))]
    for batch in generate_answers(lm, prompts, GenerateSettings(max_new_tokens=6), (Site.RESIDUAL,)):
        assert batch.states is not None
        for n, answer in enumerate(batch.answers):
            whole = traced_alone(lm, answer.prompt_ids + answer.answer_ids)[:, len(answer.prompt_ids) - 1 :]
            torch.testing.assert_close(batch.states.states[Site.RESIDUAL][:, n, : whole.shape[1]], whole, **ROUNDING)
