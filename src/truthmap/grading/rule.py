"""What a grading rule is: one class in a file of its own, and one line in `kinds.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from truthmap.grading.budget import TOOK_TOO_LONG, TookTooLongError
from truthmap.grading.reading import Reading
from truthmap.grading.rule_result import RuleResult, without_reference
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Grade, Outcome, Question, Span
from truthmap.text import normalized

Pair = tuple[Question, Answer]


class RuleKind(Protocol):
    """A way to decide whether answers are right.

    Attributes:
        name: What settings and grades call it.
        needs_candidates: Its questions must offer candidates.
        needs_judge: A model decides (`Graders.judge`).
        needs_grader: A function that a program gives decides (`Graders.given`).
        finds_span: It finds exact answers itself: what decided is one.
        takes_outcomes: An outcome that came with a question is taken as it is, and so are those of claims.
        may_find_span: It finds some exact answers itself; those of the other answers are located.
    """

    name: ClassVar[GradingRule]
    needs_candidates: ClassVar[bool] = False
    needs_judge: ClassVar[bool] = False
    needs_grader: ClassVar[bool] = False
    finds_span: ClassVar[bool] = False
    may_find_span: ClassVar[bool] = False
    takes_outcomes: ClassVar[bool] = False

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:
        """Grade answers, none of them empty, in their order."""
        ...

    def offers_candidates(self, question: Question) -> bool:
        """Return whether the question offers what the rule chooses from."""
        return bool(question.candidates)

    def canonical(self, result: RuleResult, span: Span) -> str:
        """Return the rule's own canonical form of an exact answer; empty where it has none.

        By default it has one for what it found itself, and for no other span.
        """
        return result.canonical if span == result.span else ""

    def agrees(self, question: Question, grade: Grade) -> bool:
        """Return whether a grade's exact answer says an accepted answer, in whatever words: by its canonical form."""
        return normalized(grade.canonical) in {normalized(name) for name in question.accepted}


Graded = Callable[[Question, Answer, Reading], RuleResult]


def grade_each(pairs: Sequence[Pair], rule: GradingRule, grade: Graded) -> list[RuleResult]:
    """Grade each answer by itself; where its question has no accepted answers, it is unscored with what was found.

    What takes longer than an answer may is unscored.
    """
    return [_graded(question, answer, rule, grade) for question, answer in pairs]


def _graded(question: Question, answer: Answer, rule: GradingRule, grade: Graded) -> RuleResult:
    try:
        result = grade(question, answer, Reading.of(answer.text, question.text))
    except TookTooLongError:
        return RuleResult(Outcome.UNSCORED, str(rule), TOOK_TOO_LONG)
    return result if question.accepted else without_reference(result)
