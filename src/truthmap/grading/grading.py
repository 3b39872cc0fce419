"""The verdict on an answer: one rule for right and wrong, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from truthmap.errors import UsageError
from truthmap.grading.mentions import first_mention, is_accepted
from truthmap.grading.refusals import is_refusal
from truthmap.questions import GradingRule, Task
from truthmap.records import Answer, Grade, Outcome, Question, Span


class Asker(Protocol):
    """A model that answers prompts: a local one or an endpoint."""

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order."""


def grade(question: Question, answer: Answer, task: Task, helper: Asker | None = None) -> Grade:  # noqa: ARG001
    """Grade one answer by the task's rule.

    Raises:
        UsageError: the rule needs something that is missing.
    """
    if question.candidates is None:
        raise UsageError(f"rule {task.grading} needs candidates, but question {question.id!r} has none")
    if answer.fault is not None or not answer.text.strip():
        why = answer.fault or "the answer is empty"
        return Grade(question.id, Outcome.UNSCORED, str(task.grading), None, "", "", why, sample=answer.sample)
    return _by_candidates(question, answer, task)


def _by_candidates(question: Question, answer: Answer, task: Task) -> Grade:
    rule = str(GradingRule.CANDIDATES)
    candidates = question.candidates or ()
    mention = first_mention(answer.text, question.text, candidates, task.shadows)
    if mention is None:
        refusal = is_refusal(answer.text)
        outcome = Outcome.WRONG if refusal else Outcome.UNSCORED
        why = "declines to answer" if refusal else "names no candidate"
        return Grade(question.id, outcome, rule, None, "", "", why, refusal, answer.sample)
    right = is_accepted(mention, candidates, question.accepted)
    outcome = Outcome.RIGHT if right else Outcome.WRONG
    exact = answer.text[mention.start : mention.end]
    meaning = candidates[mention.things[0]][0] if len(mention.things) == 1 else mention.name
    why = f"names {exact!r} first, " + ("an accepted answer" if right else "not an accepted answer")
    span = Span(mention.start, mention.end)
    return Grade(question.id, outcome, rule, span, exact, meaning, why, sample=answer.sample)
