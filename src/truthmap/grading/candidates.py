"""The rule for questions whose answer is one of many things with known names: the first one named decides."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.mentions import first_mention, is_accepted
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, found, nothing_found
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question, Span

RULE = str(GradingRule.CANDIDATES)


class CandidatesRule(RuleKind):
    """The first candidate that the answer names is an accepted one."""

    name = GradingRule.CANDIDATES
    needs_candidates = True
    finds_span = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the first candidate that each names."""
        return grade_each(pairs, lambda question, answer: by_candidates(question, answer.text, task.shadows))


def by_candidates(question: Question, text: str, shadows: tuple[str, ...]) -> RuleResult:
    """Grade by the first candidate that the answer names and does not only repeat from the question."""
    candidates = question.candidates or ()
    mention = first_mention(text, question.text, candidates, shadows)
    if mention is None:
        return nothing_found(text, RULE, "names no candidate")
    return found(
        right=is_accepted(mention, candidates, question.accepted),
        rule=RULE,
        why=f"names {text[mention.start : mention.end]!r} first",
        span=Span(mention.start, mention.end),
        canonical=candidates[mention.things[0]][0] if len(mention.things) == 1 else mention.name,
    )
