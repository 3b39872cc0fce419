"""Scoring tokens in one pass gives what generating them gave, whatever the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from truthmap.answers.generate import generate_answers
from truthmap.answers.log_likelihood import next_token_log_probs, score_tokens
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model))


@pytest.fixture(scope="module")
def answers(lm: LanguageModel):
    prompts = [Prompt(str(n), lm.prompt_ids("Which " + "city " * n + "is it?")) for n in range(6)]
    return [a for batch in generate_answers(lm, prompts, GenerateSettings(max_new_tokens=7)) for a in batch.answers]


def test_log_probs_are_those_of_the_generation(lm, answers) -> None:
    scores = score_tokens(lm, [(a.prompt_ids, a.answer_ids) for a in answers], batch_tokens=100)
    for answer, score in zip(answers, scores, strict=True):
        assert score.log_probs == pytest.approx(answer.log_probs, abs=1e-4)


def test_entropies_are_those_of_the_models_own_logits(lm, answers) -> None:
    scores = score_tokens(lm, [(a.prompt_ids, a.answer_ids) for a in answers], batch_tokens=8192)
    for answer, score in zip(answers, scores, strict=True):
        with torch.inference_mode():
            logits = lm.model(torch.tensor([answer.prompt_ids + answer.answer_ids])).logits[0].double()
        p = logits[len(answer.prompt_ids) - 1 : -1].softmax(dim=-1)
        assert score.entropies == pytest.approx((-(p * p.log()).sum(dim=-1)).tolist(), abs=1e-4)


def test_batches_change_nothing(lm, answers) -> None:
    pairs = [(a.prompt_ids, a.answer_ids) for a in answers]
    together, alone = score_tokens(lm, pairs, batch_tokens=8192), score_tokens(lm, pairs, batch_tokens=1)
    for one, other in zip(together, alone, strict=True):
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)
        assert one.entropies == pytest.approx(other.entropies, abs=1e-4)


def test_a_choice_has_the_probability_of_all_its_ids(lm) -> None:
    prompts = [lm.prompt_ids("Is it A or B?"), lm.prompt_ids("Which city is it, A or B, do you know?")]
    found = next_token_log_probs(lm, prompts, [(5, 9), (20,)], batch_tokens=8192)
    for prompt, values in zip(prompts, found, strict=True):
        with torch.inference_mode():
            log_p = lm.model(torch.tensor([prompt])).logits[0, -1].double().log_softmax(dim=-1)
        assert values == pytest.approx([float(log_p[[5, 9]].logsumexp(0)), float(log_p[20])], abs=1e-4)
