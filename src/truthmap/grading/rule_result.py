"""What a grading rule says of one answer, before the exact answer is located."""

from __future__ import annotations

from dataclasses import dataclass, replace

from truthmap.grading.decision import UNDECIDED
from truthmap.grading.reading import Reading
from truthmap.grading.refusals import is_refusal
from truthmap.records import Judgement, Outcome, Span


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The outcome by a rule, and what the rule itself found.

    Only `outcome` and `why` may depend on the accepted answers: the others are the same whichever are accepted.

    Attributes:
        outcome: Right, wrong or unscored.
        rule: The rule that decided.
        why: One line for a reader.
        span: Where the rule found what decided (the candidate, the number); `None` where it found nothing.
        canonical: What stands there, in one spelling.
        refusal: The answer declines to answer.
        has_reference: There was something to grade by; without it the answer is unscored and located all the same.
        judgement: What a model that judged it was asked, and what it said.
    """

    outcome: Outcome
    rule: str
    why: str
    span: Span | None = None
    canonical: str = ""
    refusal: bool = False
    has_reference: bool = True
    judgement: Judgement | None = None


DECLINES = "declines to answer"
NOTHING_ACCEPTED = "the question has no accepted answers to compare with"


def nothing_found(reading: Reading, rule: str, why: str, question: str = "") -> RuleResult:
    """Return the result for an answer in which a rule found nothing: a refusal is wrong, anything else is unscored."""
    if is_refusal(reading, question):
        return declined(rule)
    return RuleResult(Outcome.UNSCORED, rule, why)


def declined(rule: str) -> RuleResult:
    """Return the result for an answer that declines to answer: a kind of wrong."""
    return RuleResult(Outcome.WRONG, rule, DECLINES, refusal=True)


def undecided(rule: str) -> RuleResult:
    """Return the result for an answer that names several answers and chooses none."""
    return RuleResult(Outcome.UNSCORED, rule, UNDECIDED)


def found(*, right: bool, rule: str, why: str, span: Span | None, canonical: str) -> RuleResult:
    """Return the result for an answer in which a rule found what decides."""
    ending = "an accepted answer" if right else "not an accepted answer"
    return RuleResult(Outcome.RIGHT if right else Outcome.WRONG, rule, f"{why}, {ending}", span, canonical)


def without_reference(result: RuleResult) -> RuleResult:
    """Return the result for an answer whose question has no accepted answers: unscored, with what the rule found."""
    if result.refusal:
        return result
    return replace(result, outcome=Outcome.UNSCORED, why=NOTHING_ACCEPTED, has_reference=False)
