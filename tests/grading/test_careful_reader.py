"""Grades that a careful reader gives, and what of each kind no rule can decide."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from truthmap.grading.grade import grade
from truthmap.questions.loading import load_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Grade, Question

HERE = Path(__file__).parent
UNREADABLE = {
    "The Earth is a sphere.": "it takes knowledge of the world to know that this says no",
    "It was a gift from the United States to the people of France.": "who gives and who takes are turned round",
}
"""Answers that a reader grades and no rule can: they are unscored."""
UNKNOWABLE = {"Martha Washington": "that she was no president stands nowhere; Albert Einstein is right for Einstein"}
"""Answers that are graded otherwise than a reader who knows the world does."""


@lru_cache(maxsize=1)
def cities() -> QuestionSet:
    return load_questions("cities")


def rows(name: str) -> Iterator[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def graded(row: dict[str, str]) -> Grade:
    rule, accepted = GradingRule(row["rule"]), tuple(json.loads(row["accepted"]))
    countries = row["candidates"] == "countries"
    task = cities().task if countries else Task(rule, Locating.NAME if rule == "alias" else Locating.RULE)
    offered = json.loads(row["candidates"]) if row["candidates"] and not countries else None
    candidates = cities().questions[0].candidates if countries else offered and tuple(map(tuple, offered))
    question = Question("q", row["question"], accepted, candidates)
    return grade(question, Answer("q", (1,), (7,), row["text"], (), (), True), task)


@pytest.mark.parametrize("row", list(rows("grading_cases.csv")), ids=lambda row: row["text"][:60])
def test_a_case_is_graded_as_a_careful_reader_does(row: dict[str, str]) -> None:
    assert str(graded(row).outcome) in row["want"].split("/")


def said(line: str) -> tuple[Question, Answer, str]:
    case = json.loads(line)
    usual = str(case["answer"]).lower() if isinstance(case["answer"], bool) else case["answer"]
    question = Question("q", case["question"], (usual, *case.get("aliases", [])))
    return question, Answer("q", (1,), (7,), case["response"], (), (), True), case["i_say"]


@pytest.mark.parametrize("line", (HERE / "grade_cases.jsonl").read_text(encoding="utf-8").splitlines())
def test_an_open_answer_is_graded_as_a_careful_reader_does(line: str) -> None:
    question, answer, expected = said(line)
    found = grade(question, answer, Task(GradingRule.ALIAS, Locating.NAME))
    wanted = "unscored" if answer.text in UNREADABLE else expected
    assert (str(found.outcome) == wanted) != (answer.text in UNKNOWABLE)
