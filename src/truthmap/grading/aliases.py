"""The rule for open questions with known answers: what the answer says is one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from truthmap.grading.alias_forms import other_forms
from truthmap.grading.alias_mentions import AliasMention, alias_mentions
from truthmap.grading.country_names import own_names
from truthmap.grading.events import is_opposite_event, says_other_way_round
from truthmap.grading.open_answer import OpenAnswer, read_open
from truthmap.grading.person_names import belongs_to_other
from truthmap.grading.polarity import read_polarity
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.refusals import is_refusal
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, declined, found, undecided
from truthmap.grading.text_model import Graders
from truthmap.grading.tokens import words_of
from truthmap.grading.typos import typo_mentions
from truthmap.questions.polarity_words import accepted_polarity
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Outcome, Question, Span

RULE = str(GradingRule.ALIAS)
_NOTHING = "contains no accepted answer"


class AliasRule(RuleKind):
    """The answer says an accepted answer."""

    name = GradingRule.ALIAS

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the accepted answers that they say."""
        return grade_each(pairs, self.name, lambda question, _, reading: by_alias(question, reading, typos=task.typos))


def by_alias(question: Question, reading: Reading, *, typos: bool = False) -> RuleResult:
    """Grade right if the answer says an accepted answer, wrong if it says something else.

    Whether it declines, what it concludes with, and whether it leaves several answers open is told first and without
    the accepted answers. An accepted answer that the answer denies, compares with or takes back is not said.
    """
    if is_refusal(reading, question.text):
        return declined(RULE)
    if says_other_way_round(question.text, reading):
        return RuleResult(Outcome.UNSCORED, RULE, "says it the other way round")
    given = read_open(reading, question.text)
    if given.undecided:
        return undecided(RULE)
    polarity = accepted_polarity(question.accepted, question.text)
    if polarity is not None:
        return _by_polarity(question, reading, polarity)
    mention = next(_said(question, reading, given, typos=typos), None)
    if mention is None:
        return RuleResult(Outcome.WRONG, RULE, _NOTHING)
    why = f"contains {reading.text[mention.span.start : mention.span.end]!r}, an accepted answer"
    return RuleResult(Outcome.RIGHT, RULE, why)


def _by_polarity(question: Question, reading: Reading, accepted: bool) -> RuleResult:
    said, both = read_polarity(reading, question.text)
    if both:
        return undecided(RULE)
    if said is None:
        return RuleResult(Outcome.UNSCORED, RULE, "says neither yes nor no")
    why = f"says {reading.text[said.span.start : said.span.end]!r}"
    return found(right=said.yes is accepted, rule=RULE, why=why, span=None, canonical="")


def _said(question: Question, reading: Reading, given: OpenAnswer, *, typos: bool) -> Iterator[AliasMention]:
    """Yield the places of the answering part that say an accepted answer, those in its own words first."""
    for mentions in (
        alias_mentions(reading.text, question.text, (*question.accepted, *own_names(question.accepted))),
        other_forms(reading, question, given.low, given.high),
        _typos(question, reading) if typos else (),
    ):
        for mention in mentions:
            inside = given.low <= mention.span.start and mention.span.end <= given.high
            if inside and _is_said(reading, question, mention, given) and not _in_aside(reading, given, mention):
                yield mention


def _typos(question: Question, reading: Reading) -> Iterator[AliasMention]:
    for mention in typo_mentions(reading, question.text, (question.accepted,)):
        yield AliasMention(Span(mention.start, mention.end), question.accepted[0])


def _is_said(reading: Reading, question: Question, mention: AliasMention, given: OpenAnswer) -> bool:
    first, last = reading.tokens_of(mention.span.start, mention.span.end)
    stance = reading.stance(first, last)
    if stance in (Stance.DENIED, Stance.AGAINST) or belongs_to_other(
        reading, first, last, mention.alias, question.accepted
    ):
        return False
    if stance is Stance.SUPPOSED and given.span is not None and not _overlap(given.span, mention.span):
        return False
    if stance in (Stance.SUPPOSED, Stance.ASKED) and _goes_on(reading, last, stance):
        return False
    low, high = reading.sentence_of(first)
    return not is_opposite_event(words_of(question.text), [token.norm for token in reading.tokens[low:high]]) and (
        _is_given(given, mention) or not reading.corrected_after(first)
    )


def _is_given(given: OpenAnswer, mention: AliasMention) -> bool:
    """Return whether a place is the very answer that was found without the accepted ones, corrections weighed."""
    return given.span is not None and given.span.start <= mention.span.start and mention.span.end <= given.span.end


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _in_aside(reading: Reading, given: OpenAnswer, mention: AliasMention) -> bool:
    """Return whether a place only tells more about what the answer gives: "the Netherlands, who beat Spain"."""
    if given.span is None or given.span.end > mention.span.start:
        return False
    low, _ = reading.tokens_of(given.span.start, given.span.end)
    high, _ = reading.tokens_of(mention.span.start, mention.span.end)
    if reading.sentence_of(low) != reading.sentence_of(high):
        return False
    return any(token.norm in ("who", "whose", "which") for token in reading.tokens[low : high - 1])


def _goes_on(reading: Reading, last: int, stance: Stance) -> bool:
    """Return whether the answer says something else behind what it supposes or asks."""
    end = reading.sentence_of(last - 1)[1]
    if stance is Stance.ASKED:
        return any(token.word for token in reading.tokens[end:])
    return reading.contrasts_after(last)
