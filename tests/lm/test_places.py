"""Every token stands where the model itself would put it, also in models that begin to count elsewhere than at 0."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from model_families import VOCABULARY, WIDTH, language_model
from truthmap.lm.forward_inputs import first_place, forward_inputs

TOKENS = torch.tensor([[5, 6, 7, 8, 9]])


def decoder_that_counts_behind_its_padding(padding: int) -> Any:
    """A decoder of fairseq's kind: the place of its first token is the one behind its padding's id."""
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        pad_token_id=padding,
        is_decoder=True,
        initializer_range=0.2,
    )
    return transformers.RobertaForCausalLM(config).eval()


@pytest.mark.parametrize("padding", [1, 3])
@torch.inference_mode()
def test_a_model_is_told_the_places_that_it_counts_itself(padding: int) -> None:
    model = decoder_that_counts_behind_its_padding(padding)
    assert first_place(model) == padding + 1
    ones = torch.ones_like(TOKENS)
    told = model.base_model(**forward_inputs(model, TOKENS, ones))[0]
    torch.testing.assert_close(told, model.base_model(TOKENS, attention_mask=ones)[0], rtol=0, atol=0)


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "bloom", "gemma3, window"])
def test_most_models_count_from_nought(family: str) -> None:
    assert first_place(language_model(family).model) == 0


def test_the_first_place_is_tried_once() -> None:
    model = decoder_that_counts_behind_its_padding(1)
    passes: list[int] = []
    model.base_model.register_forward_hook(lambda *_: passes.append(1))
    for _ in range(2):
        forward_inputs(model, TOKENS, torch.ones_like(TOKENS))
    assert len(passes) > 0
    tried = len(passes)
    forward_inputs(model, TOKENS, torch.ones_like(TOKENS))
    assert len(passes) == tried
