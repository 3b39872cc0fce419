"""Grades of answers by the claims that they make: one for each, or one for an answer that is a claim as it is."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.alias_mentions import normalized_answer
from truthmap.grading.grade import grade_many
from truthmap.grading.kinds import RULES
from truthmap.grading.rule import Pair
from truthmap.grading.text_model import NO_GRADERS, Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Claim, Grade, Outcome, Question, Span
from truthmap.text import normalize, normalized

_RULE = str(GradingRule.READY)


def grade_claims(pairs: Sequence[Pair], task: Task, graders: Graders = NO_GRADERS) -> list[Grade]:
    """Grade answers as `grade_many` does, but those whose claims came with their outcomes by these, each a grade.

    The grades of an answer stand side by side, in the order of its claims.

    Raises:
        UsageError: as in `grade_many`.
    """
    whole = [pair for pair in pairs if not makes_claims(*pair, task)]
    graded = dict(zip([answer.key for _, answer in whole], grade_many(whole, task, graders), strict=True))
    return [
        grade
        for question, answer in pairs
        for grade in ([graded[answer.key]] if answer.key in graded else _claims(question, answer))
    ]


def makes_claims(question: Question, answer: Answer, task: Task) -> bool:
    """Tell whether an answer is graded by its claims: it is the ready one, and no rule was asked for that reads it."""
    return bool(question.claims) and answer.sample == 0 and RULES[task.grading].takes_outcomes


def _claims(question: Question, answer: Answer) -> list[Grade]:
    if answer.fault is not None:
        return [Grade(question.id, Outcome.UNSCORED, _RULE, None, "", "", answer.fault)]
    return [_grade(question, answer, claim, number) for number, claim in enumerate(question.claims)]


def _grade(question: Question, answer: Answer, claim: Claim, number: int) -> Grade:
    span = _span(question.answer or "", answer.text, claim.span)
    said = "" if span is None else answer.text[span.start : span.end]
    why = "the outcome came with the claim"
    return Grade(question.id, claim.outcome, _RULE, span, said, normalized_answer(said), why, claim=number)


def _span(given: str, text: str, span: Span) -> Span | None:
    """Return where a piece of the answer as it came stands in the answer as the model's tokens write it.

    They are the same letter by letter, but for tokenizers that change some: there, with case, accents and blanks set
    aside, the piece has as many of its like before it as in what came.
    """
    if text == given:
        return span
    phrase, written = normalized(given[span.start : span.end]), normalize(text)
    if not phrase:
        return None
    at = -len(phrase)
    for _ in range(normalized(given[: span.start]).count(phrase) + 1):
        at = written.text.find(phrase, at + len(phrase))
        if at < 0:
            return None
    return Span(*written.original(at, at + len(phrase)))
