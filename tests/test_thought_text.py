"""Laws of thoughts found by the text alone, as in ready answers: what a careful reader takes for the answer."""

from __future__ import annotations

import pytest

from truthmap.answer_parts import final_answer, parted
from truthmap.grading.grade import grade
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Question
from truthmap.thought_text import find_thought

CITIES = tuple((name,) for name in ("Sydney", "Canberra", "Perth"))
QUESTION = Question("q", "What is the capital of Australia?", ("Canberra",), CITIES)

FINAL = {
    "<think>Canberra or Sydney?</think> Sydney.": "Sydney.",
    "Canberra or Sydney?</think> Sydney.": "Sydney.",
    "<think>\nCanberra?\n</think>\n\nSydney.": "Sydney.",
    "<think>Perth? <think>Canberra?</think> No.</think> Sydney.": "Sydney.",
    "Perth? <think>Canberra?</think> No.</think> Sydney.": "Sydney.",
    "<think>I write <think> and think of Canberra</think> Sydney.": "Sydney.",
    "<think>Perth?</think> Canberra. <think>No!</think> Sydney.": "Sydney.",
    "Let me see.\n<think>Canberra?</think>\nSydney.": "Sydney.",
    "<think>Canberra?</think>\n</think>\nSydney.": "Sydney.",
    "<think></think>Sydney.": "Sydney.",
    "<think>Canberra?</think> Sydney. A <think> opens a thought.": "Sydney. A <think> opens a thought.",
    "<think>Canberra?</think> Sydney: the </think> tag is gone.": "Sydney: the </think> tag is gone.",
    "<think>Canberra?</think> Sydney. I used <think> and </think> tags.": "Sydney. I used <think> and </think> tags.",
    "It is Sydney. The `</think>` tag closes.": "It is Sydney. The `</think>` tag closes.",
    'It is Sydney. Say "</think>" aloud.': 'It is Sydney. Say "</think>" aloud.',
    "Sydney. One writes <think> first.": "Sydney. One writes <think> first.",
    "Sydney.": "Sydney.",
    "<THINKING>Canberra</THINKING>Sydney.": "Sydney.",
    "[THINK]Canberra[/THINK]Sydney.</s>": "Sydney.",
    "Canberra[/THINK]Sydney.": "Sydney.",
    "<|START_THINKING|>Canberra<|END_THINKING|><|START_RESPONSE|>Sydney.<|END_RESPONSE|>": "Sydney.",
    "<|channel|>analysis<|message|>A?<|end|><|start|>assistant<|channel|>final<|message|>Sydney.<|return|>": "Sydney.",
    "<|channel|>final<|message|>Sydney.<|return|>": "Sydney.",
    "analysis… Canberra.assistantfinalSydney.": "Sydney.",
    "analysisIt is Canberra.assistantanalysisOr not.assistantfinalSydney.": "Sydney.",
    "It is Canberra.assistantfinalSydney.": "Sydney.",
    "finalSydney.": "Sydney.",
    "analysis of maps: Sydney.": "analysis of maps: Sydney.",
}  # fmt: skip


def said(text: str, *, finished: bool = True) -> Answer:
    return Answer("q", (), (), text, (), (), finished)


@pytest.mark.parametrize("text", FINAL)
def test_the_final_part_alone_is_read(text: str) -> None:
    assert final_answer(said(text)).text.strip() == FINAL[text]
    found = grade(QUESTION, said(text), Task(GradingRule.CANDIDATES))
    assert (str(found.outcome), found.exact_answer) == ("wrong", "Sydney")
    assert found.span is not None
    assert text[found.span.start : found.span.end] == "Sydney"


@pytest.mark.parametrize(
    "text",
    [
        "<think>It is Canberra",
        "<think>",
        "[THINK]It is Canberra.",
        "<|channel|>analysis<|message|>It is Canberra.<|end|>",
        "analysisIt is Canberra.",
        "<|START_THINKING|>Canberra",
    ],
)
def test_what_never_stops_thinking_is_unscored(text: str) -> None:
    found = grade(QUESTION, said(text), Task(GradingRule.CANDIDATES))
    assert (str(found.outcome), found.why, found.span) == ("unscored", "cut_off_while_thinking", None)


def test_a_thought_that_opens_late_is_cut_off_in_a_cut_answer() -> None:
    text = "<think>Perth?</think> Sydney.\n<think>Or Canberra"
    assert parted(said(text, finished=False)).is_cut_while_thinking
    assert final_answer(said(text)).text == "Sydney.\n<think>Or Canberra"


def test_a_thought_without_an_answer_behind_it_is_empty() -> None:
    found = grade(QUESTION, said("<think>Canberra</think>\n"), Task(GradingRule.CANDIDATES))
    assert (str(found.outcome), found.why) == ("unscored", "the answer is empty")


def test_a_long_thought_leaves_its_answer_to_be_read() -> None:
    text = f"<think>{'Canberra or not? ' * 3000}</think>\n\nSydney."
    assert grade(QUESTION, said(text), Task(GradingRule.CANDIDATES)).exact_answer == "Sydney"


@pytest.mark.parametrize(
    "text",
    [
        "x <think> " * 9000,
        "x </think> " * 9000,
        "x <think> and </think> " * 4000,
        "`" * 9000 + "</think>",
        "\n" * 99_000 + "x",
    ],
)
def test_endless_tags_take_no_time(text: str) -> None:
    find_thought(text)
