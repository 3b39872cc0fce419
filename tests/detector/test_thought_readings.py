"""The law of thoughts that are read while they are written: their tokens are those of the complete answer's thought."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.thinkers import FORMATS, scripted_model, tokenizer_of, written

from truthmap.answers.thought_stream import ThoughtStream
from truthmap.detector.thought_readings import ThoughtReadings
from truthmap.lm.offsets import decode
from truthmap.records import Answer


def read_along(name: str, answer: Answer) -> Iterator[tuple[int, ...]]:
    """Yield the thought's tokens up to each that was read, as far as they are known there."""
    lm = scripted_model(name, "", prompt_length=1)
    stream = ThoughtStream(lm, answer.prompt_ids)
    readings, before = ThoughtReadings(stream, lm.thought_tags.tokens.unwritten), ""
    for n, token in enumerate(answer.answer_ids, start=1):
        last = n == len(answer.answer_ids)
        text = decode(tokenizer_of(name), answer.answer_ids[:n])
        text = text if last else text.rstrip("�")
        gained, before = text[len(before) :], text
        for index in readings.take(token, gained, stream.take(token, gained, last=last), float(n - 1)):
            assert answer.answer_ids[int(index)] == readings.ids[-1]
            yield tuple(readings.ids)


@pytest.mark.parametrize(
    "thought",
    ["France? ", "\n\n \nPeru\n\nor\n Chile.\n\n", "<3 and 3 < 4, [a] <|b|> </i>.", "🙂 is Lima 🙂", ""],
)
@pytest.mark.parametrize("name", FORMATS)
def test_the_tokens_that_are_read_are_the_thoughts(name: str, thought: str) -> None:
    form = FORMATS[name]
    answer = written(name, f"{form.opening}{thought}{form.closing}\n\nIt is 3 < 4: Canberra.")
    tokens = None if answer.thought is None else answer.thought.tokens
    own = () if tokens is None else answer.answer_ids[tokens.start : tokens.end]
    assert list(read_along(name, answer)) == [own[:n] for n in range(1, len(own) + 1)]


@pytest.mark.parametrize("name", ["qwen3", "deepseek_r1", "mistral", "cohere"])
def test_a_second_thought_goes_on_with_the_first(name: str) -> None:
    form = FORMATS[name]
    answer = written(name, f"{form.opening}Lima?{form.closing}\nWait.\n{form.opening}No.{form.closing}\nPeru.")
    assert answer.thought is not None
    assert answer.thought.tokens is not None
    own = answer.answer_ids[answer.thought.tokens.start : answer.thought.tokens.end]
    assert [len(ids) for ids in read_along(name, answer)] == list(range(1, len(own) + 1))


def test_a_thought_whose_tag_is_in_the_prompt_is_read_from_its_first_word() -> None:
    answer = written("gpt_oss", "Lima?<|end|><|start|>assistant<|channel|>final<|message|>Peru.", "<|channel|>analysis")
    assert [len(ids) for ids in read_along("gpt_oss", answer)] == [1, 2, 3, 4, 5]
