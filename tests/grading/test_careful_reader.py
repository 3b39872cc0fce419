"""Grades that a careful reader gives, and what of each kind no rule can decide."""

from __future__ import annotations

import json

import pytest
from tests.grading.careful_cases import HERE, graded, own_rows, rows

from truthmap.grading.grade import grade
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Question

UNREADABLE = {
    "The Earth is a sphere.": "it takes knowledge of the world to know that this says no",
    "It was a gift from the United States to the people of France.": "who gives and who takes are turned round",
}
"""Answers that a reader grades and no rule can: they are unscored."""
UNKNOWABLE = {"Martha Washington": "that she was no president stands nowhere; Albert Einstein is right for Einstein"}
"""Answers that are graded otherwise than a reader who knows the world does."""


def test_our_own_cases_are_graded_as_a_careful_reader_does() -> None:
    cases = own_rows()
    outcomes = [str(graded(case).outcome) for case in cases]
    pairs = zip(cases, outcomes, strict=True)
    wrongly = [(case["text"], outcome) for case, outcome in pairs if outcome not in case["want"].split("/")]
    assert len(cases) >= 200
    assert wrongly == []


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
