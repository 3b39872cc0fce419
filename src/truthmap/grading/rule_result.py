"""What a grading rule says of one answer, before the exact answer is located."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.grading.refusals import is_refusal
from truthmap.records import Outcome, Span


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The outcome by a rule, and what the rule itself found.

    Attributes:
        outcome: Right, wrong or unscored.
        rule: The rule that decided.
        why: One line for a reader.
        span: Where the rule found what decided (the candidate, the number); `None` where it found nothing.
        canonical: What stands there, in one spelling.
        refusal: The answer declines to answer.
    """

    outcome: Outcome
    rule: str
    why: str
    span: Span | None = None
    canonical: str = ""
    refusal: bool = False


DECLINES = "declines to answer"


def nothing_found(text: str, rule: str, why: str) -> RuleResult:
    """Return the verdict on an answer in which a rule found nothing: a refusal is wrong, anything else is unscored."""
    if is_refusal(text):
        return RuleResult(Outcome.WRONG, rule, DECLINES, refusal=True)
    return RuleResult(Outcome.UNSCORED, rule, why)


def found(*, right: bool, rule: str, why: str, span: Span, canonical: str) -> RuleResult:
    """Return the verdict on an answer in which a rule found what decides."""
    ending = "an accepted answer" if right else "not an accepted answer"
    return RuleResult(Outcome.RIGHT if right else Outcome.WRONG, rule, f"{why}, {ending}", span, canonical)
