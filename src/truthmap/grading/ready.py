"""The rule for questions that came with an outcome: it is taken as it is."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.rule import Pair, RuleKind
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Outcome, Question


class ReadyRule(RuleKind):
    """The outcome came with the question."""

    name = GradingRule.READY
    takes_outcomes = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Take the outcome of each question."""
        return [_by_outcome(question) for question, _ in pairs]


def _by_outcome(question: Question) -> RuleResult:
    rule = str(GradingRule.READY)
    if question.outcome is None:
        return RuleResult(Outcome.UNSCORED, rule, "the question came without an outcome", has_reference=False)
    return RuleResult(question.outcome, rule, "the outcome came with the question")
