"""Laws of thoughts that are closed: none is longer than it may be, and the answer comes behind it."""

from __future__ import annotations

import math

import pytest
from tests.thinkers import FORMATS, encoded, scripted_model, text_of, tokenizer_of

from truthmap.answer_parts import final_answer
from truthmap.answers.decoding import DecodeRow
from truthmap.answers.engines.vllm_engine import close_thought, room_for
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.thought_budget import ThoughtWatch
from truthmap.detector.streaming import GenerationRequest, StateSpec, stream_decode
from truthmap.records import Answer, Site

NAMES = tuple(FORMATS)
ASKED = ({"role": "user", "content": "Capital?"},)


def prompt_of(name: str) -> tuple[int, ...]:
    text = tokenizer_of(name).apply_chat_template(list(ASKED), add_generation_prompt=True, tokenize=False)
    return tuple(encoded(name, text))


def answered(name: str, script: str, settings: GenerateSettings) -> Answer:
    prompt = prompt_of(name)
    lm = scripted_model(name, script, prompt_length=len(prompt))
    (batch,) = generate_answers(lm, [Prompt("q", prompt)], settings)
    return batch.answers[0]


def opening_of(name: str) -> str:
    return "" if name == "deepseek_r1" else FORMATS[name].opening


@pytest.mark.parametrize("name", NAMES)
def test_a_thought_that_is_too_long_is_closed(name: str) -> None:
    answer = answered(name, opening_of(name) + "hm " * 60, GenerateSettings(120, max_thinking_tokens=20))
    assert answer.thought is not None
    assert answer.thought.tokens is not None
    assert answer.thought.tokens.end - answer.thought.tokens.start <= 20
    assert not answer.is_cut_while_thinking
    assert "hm" in final_answer(answer).text  # the script goes on
    assert all(map(math.isfinite, answer.log_probs))


@pytest.mark.parametrize("name", NAMES)
def test_a_thought_that_closes_itself_is_left_alone(name: str) -> None:
    script = f"{opening_of(name)}hm{FORMATS[name].closing}Canberra"
    free, bound = (answered(name, script, GenerateSettings(100, max_thinking_tokens=n)) for n in (None, 60))
    assert free == bound
    assert final_answer(bound).text == "Canberra"
    assert text_of(name, bound.answer_ids) == bound.text


def test_an_answer_that_would_end_in_its_thought_goes_on_behind_it() -> None:
    answer = answered("qwen3", "<think>Canberra", GenerateSettings(60, max_thinking_tokens=40))
    assert tokenizer_of("qwen3").decode(list(answer.answer_ids)).startswith("<think>Canberra\n</think>\n\n")
    assert answer.finished
    assert not answer.is_cut_while_thinking


def test_the_stream_closes_thoughts_alike() -> None:
    prompt = prompt_of("qwen3")
    settings = GenerateSettings(50, max_thinking_tokens=10)
    lm = scripted_model("qwen3", "<think>" + "hm " * 40, prompt_length=len(prompt))
    request = GenerationRequest(Prompt("q", prompt), settings)
    streamed = [d.token for d in stream_decode(lm, [request], StateSpec(Site.RESIDUAL, (0,))) if d.token is not None]
    assert tuple(streamed) == answered("qwen3", "<think>" + "hm " * 40, settings).answer_ids


def test_vllm_goes_on_behind_a_thought_that_is_closed() -> None:
    lm = scripted_model("qwen3", "", prompt_length=1)
    settings, watch = GenerateSettings(60, max_thinking_tokens=11), ThoughtWatch(lm, prompt_of("qwen3"))
    row = DecodeRow()
    assert room_for(settings, row, watch) == 11
    row.ids, row.log_probs = encoded("qwen3", "<think>hm hm hm hm"), [-1.0] * 12
    close_thought(settings, row, watch, n_new=12)
    assert text_of("qwen3", row.ids) == "<think>hm hm hm hm\n</think>\n\n"
    assert [math.isnan(value) for value in row.log_probs] == [False] * 12 + [True] * (len(row.ids) - 12)
    assert room_for(settings, row, watch) == 60 - len(row.ids)
    ended = DecodeRow([*encoded("qwen3", "<think>hm"), lm.tokenizer.eos_token_id], [-1.0] * 4, finished=True)
    close_thought(settings, ended, ThoughtWatch(lm, prompt_of("qwen3")), n_new=4)
    assert not ended.finished
    assert text_of("qwen3", ended.ids) == "<think>hm\n</think>\n\n"
