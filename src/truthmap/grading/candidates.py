"""The rule for questions whose answer is one of many things with known names: the one that the answer gives decides."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.country_names import people_mentions, with_own_names
from truthmap.grading.decision import decide, place_mentions
from truthmap.grading.inflected_names import inflected_mentions
from truthmap.grading.mentions import answering_mentions, is_accepted
from truthmap.grading.option_letters import is_option_letter
from truthmap.grading.reading import Reading
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, found, nothing_found, undecided
from truthmap.grading.text_model import Graders
from truthmap.grading.typos import typo_mentions
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question, Span

RULE = str(GradingRule.CANDIDATES)


class CandidatesRule(RuleKind):
    """The candidate that the answer gives is an accepted one."""

    name = GradingRule.CANDIDATES
    needs_candidates = True
    finds_span = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the candidate that each gives."""
        return grade_each(
            pairs,
            self.name,
            lambda question, _, reading: by_candidates(question, reading, task.shadows, typos=task.typos),
        )


def by_candidates(question: Question, reading: Reading, shadows: tuple[str, ...], *, typos: bool = False) -> RuleResult:
    """Grade by the candidate that the answer gives: the first that it says and the question does not."""
    candidates = with_own_names(question.candidates or ())
    named = answering_mentions(reading.text, question.text, candidates, shadows)
    mentions = [mention for mention in named if is_option_letter(reading, mention)]
    mentions = mentions or list(inflected_mentions(reading, question.text, candidates))
    if typos and not mentions:
        mentions = list(typo_mentions(reading, question.text, candidates))
    decision = decide(reading, place_mentions(reading, mentions), question.text)
    if decision.mention is None and not decision.undecided:
        decision = decide(reading, place_mentions(reading, list(people_mentions(reading, candidates))), question.text)
    if decision.undecided:
        return undecided(RULE)
    mention = decision.mention
    if mention is None:
        why = "names candidates but gives none" if mentions else "names no candidate"
        return nothing_found(reading, RULE, why, question.text)
    return found(
        right=is_accepted(mention, candidates, question.accepted),
        rule=RULE,
        why=f"gives {reading.text[mention.start : mention.end]!r}",
        span=Span(mention.start, mention.end),
        canonical=candidates[mention.things[0]][0] if len(mention.things) == 1 else mention.name,
    )
