"""The grading rules and the ways of locating, by their names."""

from __future__ import annotations

from collections.abc import Mapping

from truthmap.grading.aliases import AliasRule
from truthmap.grading.by_question import AutoRule
from truthmap.grading.candidates import CandidatesRule
from truthmap.grading.choices import ChoiceRule, LabelRule
from truthmap.grading.column import ColumnLocating
from truthmap.grading.final_number import NumberRule
from truthmap.grading.given import GivenRule
from truthmap.grading.gold import GoldLocating
from truthmap.grading.judge import JudgeRule
from truthmap.grading.locating import LocatingKind
from truthmap.grading.locator import ModelLocating
from truthmap.grading.names import NameLocating
from truthmap.grading.ready import ReadyRule
from truthmap.grading.rule import RuleKind
from truthmap.grading.rule_span import RuleLocating
from truthmap.questions.tasks import Task

_SINGLE: Mapping[str, RuleKind] = {
    rule.name: rule
    for rule in (
        CandidatesRule(),
        AliasRule(),
        NumberRule(),
        ChoiceRule(),
        LabelRule(),
        JudgeRule(),
        ReadyRule(),
        GivenRule(),
    )
}
RULES: Mapping[str, RuleKind] = {**_SINGLE, AutoRule.name: AutoRule(_SINGLE)}
LOCATINGS: Mapping[str, LocatingKind] = {
    locating.name: locating
    for locating in (
        RuleLocating(),
        NameLocating(),
        ModelLocating(),
        ColumnLocating(),
        GoldLocating(),
    )
}


def needs_judge(task: Task) -> bool:
    """Return whether the task's outcome is decided by a model."""
    return RULES[task.grading].needs_judge


def needs_grader(task: Task) -> bool:
    """Return whether the task's outcome is decided by a function that a program gives."""
    return RULES[task.grading].needs_grader


def needs_locator(task: Task) -> bool:
    """Return whether the task's exact answers are located by a model."""
    return LOCATINGS[task.locating].needs_locator
