"""A function as grading rule: what it may say, and how it is known again."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from truthmap.errors import UsageError
from truthmap.grading.given import grader_digest
from truthmap.grading.grade import grade
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Outcome, Question, Span

_TASK = Task(GradingRule.GIVEN, Locating.NAME)
_QUESTION = Question("q", "Which country is Rome in?", ("Italy",))
_ANSWER = Answer("q", (1,), (2,), "It is in Italy.", (-1.0,), ((0, 15),), finished=True)


@pytest.mark.parametrize(
    ("said", "outcome", "span"),
    [
        (True, Outcome.RIGHT, Span(9, 14)),
        (False, Outcome.WRONG, Span(9, 14)),
        (np.bool_(True), Outcome.RIGHT, Span(9, 14)),
        (None, Outcome.UNSCORED, None),
        ("wrong", Outcome.WRONG, Span(9, 14)),
        (Outcome.RIGHT, Outcome.RIGHT, Span(9, 14)),
        ((True, "in Italy"), Outcome.RIGHT, Span(6, 14)),
        ((False, ""), Outcome.WRONG, Span(9, 14)),
    ],
)
def test_a_function_decides_and_may_point(said: Any, outcome: Outcome, span: Span | None) -> None:
    found = grade(_QUESTION, _ANSWER, _TASK, Graders(given=lambda question, answer: said))
    assert (found.outcome, found.span, found.rule) == (outcome, span, "given")


@pytest.mark.parametrize("said", ["yes", 0.5, 1, (True, 3), (True, "France"), [True]])
def test_what_a_function_may_not_say_is_named(said: Any) -> None:
    with pytest.raises(UsageError, match="question 'q'"):
        grade(_QUESTION, _ANSWER, _TASK, Graders(given=lambda question, answer: said))


def test_a_function_that_fails_is_named_with_its_question() -> None:
    def fails(question: Question, answer: Answer) -> bool:
        return bool(answer.nothing)  # type: ignore[attr-defined]

    with pytest.raises(
        UsageError, match=r"the grader fails at question 'q' \(AttributeError: .*an Answer \(its \.text\)"
    ):
        grade(_QUESTION, _ANSWER, _TASK, Graders(given=fails))


def test_without_the_function_nothing_is_scored_but_all_located() -> None:
    found = grade(_QUESTION, _ANSWER, _TASK)
    assert (found.outcome, found.span) == (Outcome.UNSCORED, Span(9, 14))


class Counting:
    """A grader with data of its own."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, question: Question, answer: Answer) -> bool:
        return len(answer.text) <= self.most


def _threshold(question: Question, answer: Answer, most: int = 3) -> bool:
    return len(answer.text) <= most


def _closed_over(most: int) -> Any:
    return lambda question, answer: len(answer.text) <= most


def test_a_function_is_known_again_by_what_it_does() -> None:
    same = [(_threshold, _threshold), (_closed_over(3), _closed_over(3)), (Counting(3), Counting(3))]
    assert [grader_digest(a) == grader_digest(b) for a, b in same] == [True] * 3
    others = [_threshold, partial(_threshold, most=4), partial(_threshold, most=5), Counting(3), Counting(4)]
    digests = {grader_digest(each) for each in [*others, _closed_over(3), _closed_over(4), Counting(3).__call__]}
    assert len(digests) == 8
    assert grader_digest(_threshold).startswith("_threshold ")
