"""Beyond a sliding window a cache is used only where it gives the states of a plain pass."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import transformers

from model_families import LAYERS, ROUNDING, VOCABULARY, WIDTH, WINDOW, language_model, sequences, traced_alone
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.lm.cache import CacheUse
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.positions import PAPER, LocatedPositions
from truthmap.records import Site


@cache
def forgetful() -> LanguageModel:
    """Return a Moshi: it names a window, its cache forgets what lies before, its own mask does not."""
    torch.manual_seed(0)
    config = transformers.MoshiConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        ffn_dim=48,
        max_position_embeddings=64,
        sliding_window=WINDOW,
        initializer_range=0.2,
    )
    model = transformers.MoshiForCausalLM(config).eval().requires_grad_(False)
    return LanguageModel("moshi", model, language_model("llama").tokenizer, LoadSettings())


def test_a_cache_that_forgets_what_the_model_sees_is_not_used_there() -> None:
    lm = forgetful()
    assert lm.window == WINDOW
    assert lm.cache_use_at(WINDOW) is lm.cache_use is not CacheUse.NONE
    assert lm.cache_use_at(WINDOW + 1) is CacheUse.NONE


@pytest.mark.parametrize("family", ["mistral, window", "gemma3, window", "gpt_oss, window"])
def test_a_window_that_the_model_keeps_to_costs_no_cache(family: str) -> None:
    assert language_model(family).cache_use_at(4 * WINDOW) is not CacheUse.NONE


def test_states_beyond_the_window_are_those_of_a_plain_pass() -> None:
    lm = forgetful()
    prompts = [Prompt(f"q{n}", ids) for n, ids in enumerate(sequences(12))]
    answers = []
    for batch in generate_answers(lm, prompts, GenerateSettings(max_new_tokens=6), (Site.RESIDUAL,)):
        assert batch.states is not None
        for n, answer in enumerate(batch.answers):
            whole = traced_alone(lm, answer.prompt_ids + answer.answer_ids)[:, len(answer.prompt_ids) - 1 :]
            torch.testing.assert_close(batch.states.states[Site.RESIDUAL][:, n, : len(whole[0])], whole, **ROUNDING)
            answers.append(answer)
    last = {a.key: np.full(len(PAPER), len(a.prompt_ids) + len(a.answer_ids) - 1, dtype=np.int32) for a in answers}
    shard = capture_states(lm, answers, LocatedPositions(PAPER, last), (Site.RESIDUAL,), CaptureSettings())
    for n, answer in enumerate(answers):
        wanted = traced_alone(lm, answer.prompt_ids + answer.answer_ids)[:, -1]
        torch.testing.assert_close(shard.states[Site.RESIDUAL][:, 0, n], wanted, **ROUNDING)
