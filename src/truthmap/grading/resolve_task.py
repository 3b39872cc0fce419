"""How a set's questions are graded and located where the settings name another way than the set's own."""

from __future__ import annotations

from dataclasses import replace

from truthmap.grading.kinds import LOCATINGS, RULES
from truthmap.grading.rule import RuleKind
from truthmap.questions.tasks import GradingRule, Locating, Task


def resolve_task(
    own: Task,
    *,
    grading: GradingRule | None = None,
    locating: Locating | None = None,
    locator: str | None = None,
    gold: bool = False,
) -> Task:
    """Return a set's task with the rule and the way of locating that the settings name.

    Args:
        own: The set's own task.
        grading: The rule that is named; by default the set's own.
        locating: The way of locating that is named; by default the set's own, or that of the rule that is named.
        locator: The model that is named to locate; it then does so also where a rule could.
        gold: Exact answers are located as in the paper where there is a locator.
    """
    rule = RULES[grading or own.grading]
    if locating is None:
        # The exact answer is found as the set says, unless another grading rule finds none of its own.
        locating = own.locating if rule.name == own.grading else default_locating(rule)
        kind = LOCATINGS[locating]
        if locator is None:
            locating = kind.stand_in or locating
        elif gold:
            locating = Locating.GOLD
        elif kind.needs_rule_span:
            locating = Locating.MODEL
    return replace(own, grading=rule.name, locating=locating)


def default_locating(rule: RuleKind) -> Locating:
    """Return how exact answers are found where a rule is named and no way of locating."""
    return Locating.RULE if rule.finds_span else Locating.MODEL
