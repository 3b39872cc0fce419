"""The rule for questions that offer what to answer: a few names, lettered options, yes or no, labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from truthmap.grading.comparisons import compared, only_describes
from truthmap.grading.decision import Named, concluding, decide, place_mentions
from truthmap.grading.mentions import Candidates, Mention, find_mentions, is_accepted
from truthmap.grading.option_letters import is_option_letter, with_letters, with_option_texts
from truthmap.grading.polarity import NO, YES, read_polarity
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, found, nothing_found, undecided
from truthmap.grading.text_model import Graders
from truthmap.questions.polarity_words import accepted_polarity
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question, Span
from truthmap.text import normalized

_WORDS = re.compile(r"[^\W_]+")
_REFERS = frozenset(("refers", "refer", "referring", "referred"))
_EARLY = 300
"""Characters in which an answer gives its label, unless it draws a conclusion."""
_QUOTED_RUN = 5
"""A run of this many words that the question has too is a quotation of it."""


class ChoiceRule(RuleKind):
    """Of the few candidates that the question offers, the answer chooses an accepted one."""

    name = GradingRule.CHOICE
    needs_candidates = True
    finds_span = True
    excludes: ClassVar[bool] = False

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the candidate that each chooses."""
        return grade_each(
            pairs,
            self.name,
            lambda question, _, reading: by_choice(
                question, reading, self.name, lettered=task.shows_options(question), excludes=self.excludes
            ),
        )

    def offers_candidates(self, question: Question) -> bool:
        """Return whether the question has candidates, or is one of yes or no."""
        return bool(question.candidates) or is_yes_or_no(question)


class LabelRule(ChoiceRule):
    """The same for the labels of a classification: to deny one of two is to choose the other."""

    name = GradingRule.LABEL
    excludes = True


def by_choice(
    question: Question, reading: Reading, rule: GradingRule, *, lettered: bool = False, excludes: bool = False
) -> RuleResult:
    """Grade by the candidate that the answer chooses.

    A name is no choice where the answer only lists the candidates ("X or Y"), quotes five or more words of the question
    in a row, or holds the name against another or denies it ("than X", "not X"). So an answer that names both is graded
    by the first one that it does not list, quote, compare with or deny; one that lists both and chooses none is
    undecided. Where the question asks for more, "X is smaller than Y" chooses Y. An answer that only says of each one
    what it is ("X is in India, while Y is in Spain") chooses none. Without candidates the choice is between yes and no.

    Args:
        question: The question.
        reading: The answer.
        rule: The rule's name.
        lettered: The prompt shows the candidates as A, B, …: an answer may name them by their letters.
        excludes: They are labels: to deny one of two is to choose the other, and a label is said early.
    """
    if is_yes_or_no(question):
        return by_polarity(question, reading, rule)
    own = question.candidates or ()
    candidates = with_option_texts(with_letters(own) if lettered else own, question.text)
    quoted = _quotations(reading.text, question.text)
    mentions = [
        mention
        for mention in find_mentions(reading.text, candidates)
        if is_option_letter(reading, mention) and not _is_quoted(mention, quoted)
    ]
    named = [each for each in place_mentions(reading, mentions) if len(each.mention.things) == 1]
    said = [each for each in named if each.stance is Stance.SAID]
    drawn = concluding(reading, said, question.text)
    if not drawn and len(own) == 2:
        choice = compared(reading, question.text, named)
        if choice is not None:
            return _chosen(question, reading, rule, choice.thing, choice.mention)
    if not drawn and only_describes(reading, named, question.text):
        return nothing_found(reading, str(rule), "says what each candidate is but chooses none", question.text)
    owner = _referred_owner(reading, named)
    if owner is not None:
        span = Span(owner.mention.start, owner.mention.end)
        why = f"refers to something of {reading.text[span.start : span.end]!r}"
        return found(right=False, rule=str(rule), why=why, span=span, canonical=f"{owner.mention.name}'s")
    named = _referred(reading, named)
    decision = decide(reading, named, question.text)
    if decision.undecided:
        return undecided(str(rule))
    if excludes and _wavers(reading, named):
        return undecided(str(rule))
    if excludes and not drawn and decision.mention is not None and decision.mention.start > _EARLY:
        return nothing_found(reading, str(rule), "comes to a label late and without concluding", question.text)
    other = _by_exclusion(named, own) if decision.mention is None and excludes else None
    if other is not None:
        return _chosen(question, reading, rule, other, None)
    if decision.mention is None:
        why = "names candidates but chooses none" if mentions else "names no candidate"
        return nothing_found(reading, str(rule), why, question.text)
    return _chosen(question, reading, rule, decision.mention.things[0], decision.mention)


def _referred(reading: Reading, named: list[Named]) -> list[Named]:
    """Return what stands behind "refers to" where the answer says so, else all; no possessor ("the chief's cook")."""
    own = [each for each in named if not _is_possessor(reading, each)]
    start, high = _reference(reading)
    behind = [each for each in own if start < each.first < high]
    rest = [each for each in own if each.first >= high and each.stance is Stance.SAID]
    return own if start < 0 or (rest and not behind) else [*behind, *rest]


def _referred_owner(reading: Reading, named: list[Named]) -> Named | None:
    """Return whose something an answer refers to, and to nothing else: "refers to the manager's assistant"."""
    start, high = _reference(reading)
    behind = [each for each in named if start < each.first]
    if start < 0 or not all(_is_possessor(reading, each) for each in behind):
        return None
    return next((each for each in behind if each.first < high), None)


def _reference(reading: Reading) -> tuple[int, int]:
    """Return the token of the first "refers to" and the end of its sentence; -1 and 0 where there is none."""
    for index, token in enumerate(reading.tokens[:-1]):
        if token.norm in _REFERS and reading.tokens[index + 1].norm in ("to", "back"):
            return index, reading.sentence_of(index)[1]
    return -1, 0


def _is_possessor(reading: Reading, named: Named) -> bool:
    """Return whether a name only says whose something else is: "the manager's assistant"."""
    norms = [token.norm for token in reading.tokens[named.last : named.last + 3]]
    return len(norms) == 3 and norms[0] in ("'", "’") and norms[1] == "s" and reading.tokens[named.last + 2].word


def _wavers(reading: Reading, named: Sequence[Named]) -> bool:
    """Return whether an answer says one label, and behind "however" another."""
    turn = next((index for index, token in enumerate(reading.tokens) if token.norm == "however"), len(reading.tokens))
    said = [each for each in named if each.stance is Stance.SAID]
    first = {each.mention.things for each in said if each.first < turn}
    return bool(first) and any(each.mention.things not in first for each in said if each.first > turn)


def _by_exclusion(named: Sequence[Named], candidates: Candidates) -> int | None:
    """Return the one of two labels that is left where the other is denied: "this is not a positive review"."""
    denied = {each.mention.things[0] for each in named if each.stance is Stance.DENIED}
    if len(candidates) != 2 or len(denied) != 1 or len({each.mention.things for each in named}) != 1:
        return None
    return 1 - denied.pop()


def by_polarity(question: Question, reading: Reading, rule: GradingRule) -> RuleResult:
    """Grade a question of yes or no by what the answer says."""
    said, both = read_polarity(reading, question.text)
    if both:
        return undecided(str(rule))
    if said is None:
        return nothing_found(reading, str(rule), "says neither yes nor no", question.text)
    return found(
        right=said.yes == accepted_polarity(question.accepted),
        rule=str(rule),
        why=f"says {reading.text[said.span.start : said.span.end]!r}",
        span=said.span,
        canonical=YES if said.yes else NO,
    )


def is_yes_or_no(question: Question) -> bool:
    """Return whether a question's candidates are yes and no, or it has none and its accepted answers say yes or no."""
    if question.candidates is None:
        return not question.accepted or accepted_polarity(question.accepted) is not None
    sides = {accepted_polarity(names[:1]) for names in question.candidates}
    return sides == {True, False} and len(question.candidates) == 2


def _chosen(question: Question, reading: Reading, rule: GradingRule, thing: int, mention: Mention | None) -> RuleResult:
    candidates = question.candidates or ()
    name = candidates[thing][0]
    why = f"chooses {name!r}" if mention is None else f"chooses {reading.text[mention.start : mention.end]!r}"
    stands_for = Mention(0, 1, normalized(name), (thing,))
    return found(
        right=is_accepted(stands_for, candidates, question.accepted),
        rule=str(rule),
        why=why,
        span=None if mention is None else Span(mention.start, mention.end),
        canonical=normalized(name),
    )


def _is_quoted(mention: Mention, quoted: Sequence[tuple[int, int]]) -> bool:
    return any(low <= mention.start and mention.end <= high for low, high in quoted)


def _quotations(text: str, question: str) -> list[tuple[int, int]]:
    """Return the ranges of the answer's characters that repeat five or more words of the question in a row."""
    asked = [normalized(word) for word in _WORDS.findall(question)]
    runs = {tuple(asked[start : start + _QUOTED_RUN]) for start in range(len(asked) - _QUOTED_RUN + 1)}
    words = list(_WORDS.finditer(text))
    said = [normalized(word.group()) for word in words]
    found: list[tuple[int, int]] = []
    for start in range(len(words) - _QUOTED_RUN + 1):
        if tuple(said[start : start + _QUOTED_RUN]) in runs:
            low, high = words[start].start(), words[start + _QUOTED_RUN - 1].end()
            if found and low <= found[-1][1]:
                found[-1] = (found[-1][0], high)
            else:
                found.append((low, high))
    return found
