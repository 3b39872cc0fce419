"""The doctor's laws on the device: residual = hidden_states, batched = single, generated = forward, and so on."""

from __future__ import annotations

import copy

import pytest
import torch
from benchmarks.gpu.laws import broken, laws_of
from benchmarks.gpu.random_llama import random_llama, random_questions
from benchmarks.gpu.size import SMALL, Prompts

from model_families import ROUNDING, language_model, sequences, traced_alone
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.execution.state_laws import Check, CheckStatus
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.records import Site

ASKED = Prompts(count=6, shared=6, shortest=10, longest=24, new_tokens=8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_laws_hold(device: torch.device, dtype: torch.dtype) -> None:
    checks = laws_of(random_llama(SMALL.small, device, dtype, ends=True), random_questions(SMALL.small, ASKED))
    assert len(checks) == 7
    assert broken(str(dtype), checks) == []


def test_a_broken_law_is_told() -> None:
    check = Check("batched = single", CheckStatus.BROKEN, "differs by 2", 2.0)
    assert broken("float32", [check]) == ["batched = single, float32: differs by 2"]


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt2", "qwen3_moe"])
def test_states_kept_while_generating_are_those_of_one_row_alone(device: torch.device, family: str) -> None:
    made = language_model(family)
    lm = LanguageModel(family, copy.deepcopy(made.model).to(device), made.tokenizer, LoadSettings())
    prompts = [Prompt(f"q{n}", ids) for n, ids in enumerate(sequences(6))]
    for batch in generate_answers(lm, prompts, GenerateSettings(max_new_tokens=6), (Site.RESIDUAL,)):
        assert batch.states is not None
        for n, answer in enumerate(batch.answers):
            kept = batch.states.states[Site.RESIDUAL][:, n, : 1 + len(answer.answer_ids)]
            alone = traced_alone(lm, answer.prompt_ids + answer.answer_ids)[:, len(answer.prompt_ids) - 1 :]
            torch.testing.assert_close(kept.cpu(), alone.cpu(), **ROUNDING)
