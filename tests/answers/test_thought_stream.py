"""Laws of thought and answer told apart while they are written: they are what the whole answer's record says."""

from __future__ import annotations

import pytest
from tests.thinkers import FORMATS, scripted_model, tokenizer_of, written

from truthmap.answer_parts import final_answer, thought_text
from truthmap.answers.thought_stream import ThoughtStream
from truthmap.lm.offsets import decode
from truthmap.records import Answer

NAMES = tuple(FORMATS)


def streamed(name: str, answer: Answer) -> tuple[str, str]:
    tokenizer = tokenizer_of(name)
    lm = scripted_model(name, "", prompt_length=1)
    stream = ThoughtStream(lm, answer.prompt_ids)
    thought, said, before = "", "", ""
    for n, token in enumerate(answer.answer_ids, start=1):
        text = decode(tokenizer, answer.answer_ids[:n])
        gained = stream.take(token, text[len(before) :], last=n == len(answer.answer_ids))
        thought, said, before = thought + gained.thought, said + gained.answer, text
    return thought, said


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_tells_thought_from_answer(name: str) -> None:
    form = FORMATS[name]
    start = "" if name == "deepseek_r1" else form.opening
    for prefilled, text in (("", f"{start}\nSydney? No.{form.closing}\n\nIt is Canberra."), (form.prefilled, "")):
        answer = written(name, text or f"Perth < Sydney [1]?{form.closing}Canberra.", prefilled)
        thought, said = streamed(name, answer)
        assert thought.strip() == thought_text(answer)
        assert said == final_answer(answer).text


@pytest.mark.parametrize("name", [n for n in NAMES if n != "deepseek_r1"])
def test_a_stream_without_a_thought_is_its_text(name: str) -> None:
    answer = written(name, "\n1 < 2, [a] and `<think>`: Canberra. ")
    assert streamed(name, answer) == ("", answer.text)


def test_a_stream_that_never_stops_thinking_says_nothing() -> None:
    assert streamed("qwen3", written("qwen3", "<think>Canberra </th", finished=False)) == ("Canberra </th", "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("between", ["", "\n"])
def test_an_opening_tag_that_repeats_the_prompts_is_no_thought(name: str, between: str) -> None:
    form = FORMATS[name]
    answer = written(name, f"{between}{form.opening}\nPerth?{form.closing}Canberra.", form.prefilled)
    assert thought_text(answer) == "Perth?"
    thought, said = streamed(name, answer)
    assert (thought.strip(), said) == ("Perth?", "Canberra.")
