"""Questions that are messages: from a file, into a prompt, through a table, without touching other sets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from truthmap.errors import ModelError, QuestionsError
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.questions.groups import group_questions
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.question_set import question_set
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Message, Question
from truthmap.runs.tables import read_records, write_records

SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is Lima?"},
    {"role": "assistant", "content": "In Peru."},
    {"role": "user", "content": "And Cusco?"},
]
TURNS = tuple(Message(**message) for message in SAID[:-1])


@pytest.mark.parametrize("column", ["messages", "question"])
def test_messages_in_a_file_are_turns_and_a_question(tmp_path: Path, column: str) -> None:
    rows = [{column: SAID, "accepted": "Peru"}, {column: SAID[1:2], "accepted": "Peru"}]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    several, single = load_questions(str(tmp_path / "q.jsonl"), QuestionSettings()).questions
    assert (several.text, several.turns) == ("And Cusco?", TURNS)
    assert (single.text, single.turns) == ("Where is Lima?", ())


def test_a_csv_holds_messages_as_json(tmp_path: Path) -> None:
    cell = json.dumps(SAID).replace('"', '""')
    (tmp_path / "q.csv").write_text(f'messages,accepted\n"{cell}",Peru\n"[is this a list?",Peru\n')
    several, text = load_questions(str(tmp_path / "q.csv"), QuestionSettings()).questions
    assert several.turns == TURNS
    assert (text.text, text.turns) == ("[is this a list?", ())


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (SAID[:3], "expected messages that end with the user's"),
        ([SAID[1], SAID[0], SAID[3]], "a system message first if any, got user, system, user"),
        ([{"role": "tool", "content": "x"}, SAID[3]], "expected a message with role"),
        ([{"role": "user", "content": None}], "expected a message with role"),
    ],
)
def test_what_is_no_conversation_is_refused(tmp_path: Path, messages: list[dict], message: str) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps({"question": messages, "accepted": "Peru"}) + "\n")
    with pytest.raises(QuestionsError, match=message):
        load_questions(str(tmp_path / "q.jsonl"), QuestionSettings())


def test_turns_go_through_a_table(tmp_path: Path) -> None:
    questions = (Question("a", "And Cusco?", ("Peru",), turns=TURNS), Question("b", "Where?", ("Peru",)))
    write_records(tmp_path / "q.parquet", Question, questions)
    assert read_records(tmp_path / "q.parquet", Question) == questions


def test_questions_without_turns_keep_their_digest() -> None:
    task, plain = Task(GradingRule.ALIAS), Question("a", "And Cusco?", ("Peru",))
    digest = question_set("s", [plain], task).digest
    assert digest == "58cd54005d7fdc45de8731fc0974878bc929fcad40e442f7ad00cfe57882f8d6"
    assert question_set("s", [replace(plain, turns=TURNS)], task).digest != digest


def test_the_same_text_after_other_turns_is_another_question() -> None:
    first = Question("a", "And then?", ("Peru",), turns=TURNS)
    other = Question(
        "b", "And then?", ("Peru",), turns=(Message("user", "What is 1?"), Message("assistant", "A number."))
    )
    groups = group_questions([first, other, replace(first, id="c")]).of
    assert groups["a"] == groups["c"] != groups["b"]


def test_a_questions_own_system_message_stands_for_the_studys() -> None:
    task = Task(GradingRule.ALIAS, system_prompt="Be wordy.")
    assert task.opening_of(Question("a", "And Cusco?", turns=TURNS)) == TURNS
    assert task.opening_of(Question("a", "And Cusco?", turns=TURNS[1:])) == (Message("system", "Be wordy."), *TURNS[1:])


def test_a_base_model_takes_no_conversation(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model), LoadSettings(device="cpu", prompt_format="plain"))
    with pytest.raises(ModelError, match=r"is a conversation of 4 messages, and .* is asked without a chat template"):
        lm.question_ids(Question("a", "And Cusco?", turns=TURNS), Task(GradingRule.ALIAS))
