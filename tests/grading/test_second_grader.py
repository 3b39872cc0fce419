"""Whom `--second-grading` may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from truthmap.errors import UsageError
from truthmap.grading.second_grader import second_grader
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Question

FIRST = Task(GradingRule.CANDIDATES)
OPEN = (Question("q", "Who?", ("Ann",)),)
CLOSED = (Question("q", "Who?", ("Ann",), (("Ann",), ("Bob",))),)


@pytest.mark.parametrize(
    ("name", "judge", "rule", "asked"),
    [
        ("alias", None, GradingRule.ALIAS, None),
        ("choice", None, GradingRule.CHOICE, None),
        ("judge", "same", GradingRule.JUDGE, "same"),
        ("same", None, GradingRule.JUDGE, "same"),
        ("org/model", "other", GradingRule.JUDGE, "org/model"),
        ("smollm2", None, GradingRule.JUDGE, "smollm2"),
        ("http://127.0.0.1:1/v1#m", None, GradingRule.JUDGE, "http://127.0.0.1:1/v1#m"),
    ],
)
def test_a_rule_or_a_judge_is_named(name: str, judge: str | None, rule: GradingRule, asked: str | None) -> None:
    second = second_grader(name, FIRST, CLOSED, judge)
    assert (second.name, second.task.grading, second.judge) == (name, rule, asked)
    assert second.task.locating in (Locating.RULE, Locating.NAME)  # nobody needs to be named who locates


def test_a_folder_is_a_judge(tmp_path: Path) -> None:
    assert second_grader(str(tmp_path), FIRST, OPEN, None).judge == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "questions", "said"),
    [
        ("candidates", CLOSED, "is the rule that grades already"),
        ("choice", OPEN, "needs candidates, which these questions have not"),
        ("judge", OPEN, "needs a model that judges"),
        ("alais", OPEN, "did you mean 'alias'"),
        ("http://127.0.0.1/v1", OPEN, "names no endpoint"),
    ],
)
def test_what_cannot_grade_is_refused_with_what_to_do(name: str, questions: tuple[Question, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        second_grader(name, FIRST, questions, None)
