"""What a row of an own file becomes, and how an own set is graded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truthmap.errors import QuestionsError
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.tasks import GradingRule, Locating
from truthmap.records import Outcome


def own(tmp_path: Path, *rows: dict[str, Any], skip_bad: bool = False) -> QuestionSet:
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return load_questions(str(path), QuestionSettings(skip_bad=skip_bad))


def test_every_conventional_column_reaches_its_field(tmp_path: Path) -> None:
    found = own(
        tmp_path,
        {
            "ID": "a1",
            "Question": "Where is Lima?",
            "answer": "Peru",
            "aliases": "Republic of Peru | Perú",
            "candidates": [["Peru", "Republic of Peru"], ["Chile"]],
            "context": "Lima lies on the Pacific.",
            "group": "g",
            "response": "It is in Peru, I think.",
            "outcome": "Right",
            "exact_answer": "Peru",
        },
    )
    question = found.questions[0]
    assert question.id == "a1"
    assert question.accepted == ("Peru", "Republic of Peru", "Perú")
    assert question.candidates == (("Peru", "Republic of Peru"), ("Chile",))
    assert (question.context, question.group, question.answer) == (
        "Lima lies on the Pacific.",
        "g",
        "It is in Peru, I think.",
    )
    assert (question.outcome, question.exact_answer) == (Outcome.RIGHT, "Peru")
    assert found.task.chat(question) == "Lima lies on the Pacific.\n\nWhere is Lima?\nA. Peru\nB. Chile"
    assert found.name == "own"


ROW = {"question": "What?", "answer": "x"}


@pytest.mark.parametrize(
    ("rows", "grading", "locating"),
    [
        ([ROW], GradingRule.ALIAS, Locating.MODEL),
        (
            [{"question": "What?", "answer": "1,200"}, {"question": "How?", "answer": 3.5}],
            GradingRule.NUMBER,
            Locating.RULE,
        ),
        (
            [{"question": "What?", "answer": "7"}, {"question": "How?", "answer": "so"}],
            GradingRule.AUTO,
            Locating.RULE,
        ),
        ([{**ROW, "choices": ["x", "y"]}], GradingRule.CHOICE, Locating.RULE),
        ([{**ROW, "choices": list("opqrstuvwxyz")}], GradingRule.CANDIDATES, Locating.RULE),
        ([{"question": "What?", "response": "x", "outcome": 1}], GradingRule.READY, Locating.MODEL),
        ([{**ROW, "response": "an x", "exact_answer": "x"}], GradingRule.ALIAS, Locating.COLUMN),
    ],
)
def test_what_came_with_the_questions_decides_how_they_are_graded(
    tmp_path: Path, rows: list[dict[str, Any]], grading: GradingRule, locating: Locating
) -> None:
    task = own(tmp_path, *rows).task
    assert (task.grading, task.locating) == (grading, locating)


@pytest.mark.parametrize(
    ("row", "column", "what"),
    [
        ({**ROW, "candidates": ["y", "z"]}, "candidates", "no accepted answer is among the candidates"),
        ({**ROW, "candidates": "x"}, "candidates", "one candidate only"),
        ({**ROW, "outcome": "maybe"}, "outcome", "'maybe' is no outcome; expected right, wrong or unscored"),
        ({**ROW, "response": "", "exact_answer": "x"}, "response", "the ready answer is empty"),
        ({**ROW, "response": "a y", "exact_answer": "x"}, "exact_answer", "'x' is no piece of the ready answer"),
        ({"question": "What?", "answer": []}, "answer", "no accepted answer"),
        ({"question": "What?", "answer": "['x']"}, "answer", "begins like a JSON list and is none"),
        ({"question": "x" * 1_000_001, "answer": "x"}, "question", "1,000,001 characters, at most 1,000,000"),
    ],
)
def test_rows_that_make_no_question_say_in_which_column_and_why(
    tmp_path: Path, row: dict[str, Any], column: str, what: str
) -> None:
    found = own(tmp_path, {**row, "question": "sound", "answer": "x", **_sound(row)}, row, skip_bad=True)
    assert len(found.questions) == 1
    (issue,) = found.report.issues
    assert (issue.line, issue.column) == (2, column)
    assert what in issue.what


def _sound(row: dict[str, Any]) -> dict[str, Any]:
    good = {"candidates": ["x", "y"], "outcome": "right", "response": "an x", "exact_answer": "x"}
    return {name: value for name, value in good.items() if name in row}


def test_a_file_without_a_sound_row_is_refused_with_skip_bad_too(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match="holds no questions but 1 empty rows"):
        own(tmp_path, {"question": " ", "answer": "x"}, skip_bad=True)
