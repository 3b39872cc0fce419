"""Which grading rule goes with a question: chosen by what came with it, for each question by itself."""

from __future__ import annotations

import re

from truthmap.questions.polarity_words import accepted_polarity
from truthmap.questions.tasks import GradingRule
from truthmap.records import Question

FEW_CANDIDATES = 10
"""Up to so many candidates a question offers a choice; more are the names of everything an answer could be."""
_NUMBER = re.compile(
    r"\[?[-+−]?[$€£¥]?(?:\d[\d,. \u00a0]{0,40}|\.\d{1,20})(?:[eE][-+]?\d{1,3}|/\d{1,20})?\s?(?:%|°|[$€£¥])?"
    r"(?:\s?(?:million|billion|thousand|hundred|trillion|dozen))?(?:\s?[A-Za-z°/²³]{1,20}){0,2}\]?"
)
_WORD_LIST = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion and
"""
_WORDS = frozenset(_WORD_LIST.split())
_JOINED = re.compile(r"[\s-]")
# "4 July 1776", "2nd", "3D": digits that are no plain number.
_NO_UNIT_LIST = """
january february march april may june july august september october november december st nd rd th am pm ad bc ce bce d g
x to and or
"""
_NO_UNITS = frozenset(_NO_UNIT_LIST.split())


def rule_for(question: Question) -> GradingRule:
    """Return the rule that goes with a question.

    A ready outcome, or that of each claim, is taken as it is; candidates make it a choice (up to ten of them) or the
    rule of candidates; accepted answers that say yes or no make it a choice between the two; one that is a number makes
    it the rule of numbers; else an answer is right if it contains an accepted one.
    """
    if question.outcome is not None or question.claims:
        return GradingRule.READY
    if question.candidates is not None:
        return GradingRule.CHOICE if len(question.candidates) <= FEW_CANDIDATES else GradingRule.CANDIDATES
    if accepted_polarity(question.accepted, question.text) is not None:
        return GradingRule.CHOICE
    if question.accepted and all(is_number(text) for text in question.accepted[:1]):
        return GradingRule.NUMBER
    return GradingRule.ALIAS


def is_number(text: str) -> bool:
    """Return whether a text is a number, in digits or words, with its unit: `1,500`, `90 minutes`, `twenty-one`, `3/4`.

    >>> is_number("0 °C"), is_number("4 July 1776"), is_number("Seven Samurai")
    (True, False, False)
    """
    plain = text.strip()
    words = [word for word in _JOINED.split(plain.casefold()) if word]
    if words and all(word in _WORDS for word in words) and words[0] != "and":
        return True
    match = _NUMBER.fullmatch(plain)
    return match is not None and not any(
        word.strip(".,") in _NO_UNITS for word in re.findall(r"[a-z]{1,20}", plain.casefold())
    )
