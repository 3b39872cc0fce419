"""Worked examples and the system prompt: how they are read, and where they stand in a prompt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from truthmap.questions.examples import read_examples
from truthmap.questions.tasks import Example, GradingRule, Task
from truthmap.records import Message, Question

_LIMA = Example("Where is Lima?", "Peru")
_ROME = Example("Where is Rome?", "Italy")
_TASK = Task(GradingRule.ALIAS, chat_prompt="{text} Be short.")
_ASKED = Question("q", "Where is Bonn?")


@pytest.mark.parametrize(
    "given",
    [
        [_LIMA, _ROME],
        [("Where is Lima?", "Peru"), ("Where is Rome?", "Italy")],
        [{"question": "Where is Lima?", "answer": "Peru"}, ["Where is Rome?", "Italy"]],
    ],
)
def test_examples_come_in_every_usual_form(given: Any) -> None:
    assert read_examples(given) == (_LIMA, _ROME)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("e.csv", "question,answer\nWhere is Lima?,Peru\nWhere is Rome?,Italy\n"),
        ("e.jsonl", '{"text": "Where is Lima?", "gold": ["Peru", "PE"]}\n{"text": "Where is Rome?", "gold": "Italy"}'),
        ("e.csv", "question,accepted,response\nWhere is Lima?,PE,Peru\nWhere is Rome?,IT,Italy\n"),
    ],
)  # fmt: skip
def test_examples_are_read_from_a_question_file(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert read_examples(str(tmp_path / name)) == (_LIMA, _ROME)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.csv", "there is no file nowhere.csv"),
        ([("only one",)], "example 1: expected a pair of question and answer"),
        ([_LIMA, ("Where?", " ")], "example 2: expected a text as the answer, got ' '"),
        ({"question": "a", "answer": "b"}, "expected a list of examples or a file of them, got dict"),
        (3, "expected a list of examples or a file of them, got int"),
    ],
)
def test_what_is_no_example_is_named(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_examples(given)


def test_a_file_row_without_an_answer_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("question,answer\nWhere is Lima?,Peru\nWhere?,\n")
    with pytest.raises(ValueError, match=r"e\.csv, line 3: expected a text as the answer"):
        read_examples(path)


def test_a_chat_opens_with_system_prompt_and_examples_as_turns() -> None:
    task = replace(_TASK, system_prompt="Say one word.", examples=(_LIMA,))
    assert task.opening == (
        Message("system", "Say one word."),
        Message("user", "Where is Lima? Be short."),
        Message("assistant", "Peru"),
    )
    assert task.chat(_ASKED) == "Where is Bonn? Be short."
    assert _TASK.opening == ()


def test_a_base_model_reads_all_of_it_as_one_text() -> None:
    task = replace(_TASK, system_prompt="Facts.", examples=(_LIMA, _ROME))
    assert task.plain(_ASKED) == (
        "Facts.\n\nQ: Where is Lima?\nA: Peru\n\nQ: Where is Rome?\nA: Italy\n\nQ: Where is Bonn?\nA:"
    )
    spaced = replace(task, system_prompt=None, examples=(_LIMA,), plain_prompt="{text} It is in ")
    assert spaced.plain(_ASKED) == "Where is Lima? It is in Peru\n\nWhere is Bonn? It is in "
