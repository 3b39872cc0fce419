"""What a grading rule is: one class in a file of its own, and one line in `kinds.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from truthmap.grading.rule_result import RuleResult, without_reference
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Grade, Question, Span
from truthmap.text import normalized

Pair = tuple[Question, Answer]


class RuleKind(Protocol):
    """A way to decide whether answers are right.

    Attributes:
        name: What settings and grades call it.
        needs_candidates: Its questions must offer candidates.
        needs_judge: A model decides (`Graders.judge`).
        finds_span: It finds exact answers itself: what decided is one.
    """

    name: ClassVar[GradingRule]
    needs_candidates: ClassVar[bool] = False
    needs_judge: ClassVar[bool] = False
    finds_span: ClassVar[bool] = False

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:
        """Grade answers, none of them empty, in their order."""
        ...

    def canonical(self, result: RuleResult, span: Span) -> str:
        """Return the rule's own canonical form of an exact answer; empty where it has none.

        By default it has one for what it found itself, and for no other span.
        """
        return result.canonical if span == result.span else ""

    def agrees(self, question: Question, grade: Grade) -> bool:
        """Return whether a grade's exact answer says an accepted answer, in whatever words: by its canonical form."""
        return normalized(grade.canonical) in {normalized(name) for name in question.accepted}


def grade_each(pairs: Sequence[Pair], grade: Callable[[Question, Answer], RuleResult]) -> list[RuleResult]:
    """Grade each answer by itself; where its question has no accepted answers, it is unscored with what was found."""
    results = (grade(question, answer) for question, answer in pairs)
    return [
        result if question.accepted else without_reference(result)
        for (question, _), result in zip(pairs, results, strict=True)
    ]
