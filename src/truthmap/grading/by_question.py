"""The rule for files of mixed questions: for each question the rule that goes with what came with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from truthmap.grading.names import find_name
from truthmap.grading.rule import Pair, RuleKind
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.rule_choice import rule_for
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question


class AutoRule(RuleKind):
    """For each question the rule that goes with what came with it (see `rule_for`)."""

    name = GradingRule.AUTO
    takes_outcomes = True
    finds_span = True

    def __init__(self, rules: Mapping[str, RuleKind]) -> None:
        """Choose among these rules, by their names."""
        self._rules = rules

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:
        """Grade answers, each by its question's rule; where that finds no exact answer of its own, what it gives."""
        by_rule: dict[str, list[int]] = defaultdict(list)
        for index, (question, _) in enumerate(pairs):
            by_rule[rule_for(question)].append(index)
        results: dict[int, RuleResult] = {}
        for name, indices in by_rule.items():
            rule = self._rules[name]
            graded = rule.grade([pairs[index] for index in indices], task, graders)
            results.update(
                (index, result if rule.finds_span else _located(pairs[index], result))
                for index, result in zip(indices, graded, strict=True)
            )
        return [results[index] for index in range(len(pairs))]

    def offers_candidates(self, question: Question) -> bool:  # noqa: ARG002
        """Return true: a question without candidates has another rule."""
        return True


def _located(pair: Pair, result: RuleResult) -> RuleResult:
    question, answer = pair
    return replace(result, span=find_name(answer.text, question.text), canonical="")
