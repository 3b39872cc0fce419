"""Tokens are drawn with the model's probabilities, and one label decides one draw."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.sampling import sample_tokens

LOGITS = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.5])
DRAWS = 4000
ASKED = [Prompt(f"q{n}", (1,)) for n in range(DRAWS)]
ROWS = LOGITS.repeat(DRAWS, 1)
FIRST = [0] * DRAWS


def counts(settings: GenerateSettings) -> list[int]:
    return torch.bincount(sample_tokens(ROWS, ASKED, FIRST, settings).ids, minlength=5).tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax_at_their_temperature(temperature: float) -> None:
    expected = torch.softmax(LOGITS.double() / temperature, dim=-1) * DRAWS
    # The draws are a fixed function of the labels, so this p-value is always the same.
    assert chisquare(counts(GenerateSettings(temperature=temperature)), expected.numpy()).pvalue > 0.01


def test_top_p_draws_from_the_fewest_tokens_that_reach_it() -> None:
    # Probabilities: 0.766, 0.104, 0.063, 0.063, 0.005.
    assert counts(GenerateSettings(temperature=1.0, top_p=0.7)) == [0, 0, 0, DRAWS, 0]
    two = counts(GenerateSettings(temperature=1.0, top_p=0.8))
    assert [n > 0 for n in two] == [True, False, False, True, False]
    kept = torch.softmax(LOGITS[[0, 3]].double(), dim=-1) * DRAWS
    assert chisquare([two[0], two[3]], kept.numpy()).pvalue > 0.01
    assert counts(GenerateSettings(temperature=1.0, top_p=0.95))[1] == 0
    assert counts(GenerateSettings(temperature=1.0, top_p=1.0))[1] > 0


def test_a_draw_is_a_function_of_seed_question_sample_and_step_alone() -> None:
    settings = GenerateSettings(temperature=1.0)
    whole = sample_tokens(ROWS, ASKED, FIRST, settings).ids
    assert torch.equal(sample_tokens(ROWS[:10], ASKED[90:100], FIRST[:10], settings).ids, whole[90:100])
    for other in (
        sample_tokens(ROWS, ASKED, [1] * DRAWS, settings),
        sample_tokens(ROWS, ASKED, FIRST, GenerateSettings(temperature=1.0, seed=1)),
        sample_tokens(ROWS, [Prompt(p.question_id, p.prompt_ids, 1) for p in ASKED], FIRST, settings),
    ):
        agree = (other.ids == whole).float().mean().item()
        chance = torch.softmax(LOGITS, dim=-1).square().sum().item()
        assert agree == pytest.approx(chance, abs=0.03), "independent draws agree as often as chance has it"


def test_greedy_takes_the_likeliest_and_the_first_of_equals() -> None:
    chosen = sample_tokens(torch.tensor([[0.0, 2.0, 2.0], [5.0, 1.0, 1.0]]), ASKED[:2], FIRST[:2], GenerateSettings())
    assert chosen.ids.tolist() == [1, 0]


@pytest.mark.parametrize("temperature", [0.0, 0.3, 2.0])
def test_log_probabilities_are_the_models_own_whatever_the_temperature(temperature: float) -> None:
    chosen = sample_tokens(ROWS[:50], ASKED[:50], FIRST[:50], GenerateSettings(temperature=temperature, top_p=0.9))
    torch.testing.assert_close(chosen.log_probs, torch.log_softmax(LOGITS, dim=-1)[chosen.ids])
