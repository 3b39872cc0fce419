"""Laws of asking for reasoning in words: the question stays, the form of the answer is the reasoning's."""

from __future__ import annotations

from truthmap.answer_parts import final_text
from truthmap.questions.builtin import ARITHMETIC_TASK, CITIES_TASK
from truthmap.questions.tasks import Example
from truthmap.questions.thinking import ASKED_FOR_REASONING, EXAMPLES, asked_to_think
from truthmap.records import Question
from truthmap.study.stage_settings import asked_as, generate_settings
from truthmap.study.study import Study

QUESTION = Question("q", "What is 2 plus 3?")


def test_reasoning_stands_in_the_place_of_a_short_answer() -> None:
    task = asked_to_think(ARITHMETIC_TASK)
    assert task.chat(QUESTION) == QUESTION.text + ASKED_FOR_REASONING
    assert len(task.opening) == 2 * len(EXAMPLES)
    assert [final_text(example.answer).strip() for example in EXAMPLES] == ["75", "A horse"]
    asked = task.plain(QUESTION)
    assert asked.endswith("A:")
    assert asked.count("</think>") == 2 * len(EXAMPLES) + 1  # each question asks for it, each example shows it
    assert "</think> 75\n" in asked  # in one line: a base model's answer ends with it


def test_own_words_and_own_examples_stay() -> None:
    own = Study(thinking="prompted", prompt_template="{text} Be kind.", examples=[("1 + 1?", "<think>a</think> 2")])
    task = asked_as(own, CITIES_TASK)
    assert task.chat(QUESTION) == f"{QUESTION.text} Be kind.{ASKED_FOR_REASONING}"
    assert task.examples == (Example("1 + 1?", "<think>a</think> 2"),)


def test_limits_follow() -> None:
    def limits(**settings: object) -> tuple[int, int | None]:
        thinks = bool(settings.pop("thinks", False))
        found = generate_settings(Study(**settings), CITIES_TASK, thinks=thinks)
        return found.max_new_tokens, found.max_thinking_tokens

    assert limits() == (24, None)
    assert limits(thinks=True) == (24 + 1024, None)
    assert limits(thinks=True, max_thinking_tokens=200) == (224, 200)
    assert limits(thinks=True, max_new_tokens=100, max_thinking_tokens=50) == (100, 50)
    assert limits(thinking="prompted") == (24 + 96, 96)
