"""Word lists of a language, compiled: which words of an answer deny, correct, conclude, compare or decline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from truthmap.grading.tokens import Token, words_of


class Sign(StrEnum):
    """What a word or phrase does to what stands around it."""

    NEGATES = "negates"
    """Denies what follows in its clause: not, never, hardly."""
    NEUTRAL = "neutral"
    """Holds a negating word and denies nothing: no doubt, not only."""
    CONTRASTS = "contrasts"
    """Ends a denial: but, rather."""
    CORRECTS = "corrects"
    """Takes back what was said before: "… no, Lima"."""
    CONCLUDES = "concludes"
    """What follows is drawn from what was said: so, therefore."""
    ANSWERS = "answers"
    """What follows is said to be the answer: "the answer is"."""
    OR = "or"
    AND = "and"
    EITHER = "either"
    AGAINST = "against"
    """Holds what follows against the answer: than, unlike, instead of."""
    NEAR = "near"
    """Says that something lies beside what follows, not in it: near, borders."""
    SUPPOSES = "supposes"
    """What follows was once thought, or others think it: I thought, some say."""
    DENIED = "denied"
    """Denies what stands before it: is wrong; in some languages negation follows."""
    ASIDE = "aside"
    """Begins a clause that does not answer: because, when, which."""
    VERB = "verb"
    """A verb that ties a subject to what is said of it: is, lies."""
    GLUE = "glue"
    """Stands between words without meaning of its own: the, in, of."""
    REFUSES = "refuses"
    """Declines to answer: I do not know."""
    SOFTENS = "softens"
    """Goes with a refusal and is none by itself: unfortunately, sorry."""
    OFFERS = "offers"
    """Gives an answer all the same: perhaps, I think."""
    ADVISES = "advises"
    """Sends the reader elsewhere: please check, I recommend."""
    YES = "yes"
    NO = "no"
    GREETS = "greets"
    """Comes before an answer and says nothing: sure, of course."""


STANCE = (
    Sign.NEGATES, Sign.NEUTRAL, Sign.CONTRASTS, Sign.CORRECTS, Sign.CONCLUDES, Sign.ANSWERS, Sign.OR, Sign.AND,
    Sign.EITHER, Sign.AGAINST, Sign.NEAR, Sign.SUPPOSES, Sign.DENIED, Sign.ASIDE, Sign.VERB, Sign.GLUE,
)  # fmt: skip
"""What bears on whether something is said or denied."""
REFUSAL = (Sign.REFUSES, Sign.SOFTENS, Sign.OFFERS, Sign.ADVISES)
"""What bears on whether an answer declines."""
POLARITY = (Sign.YES, Sign.NO, Sign.NEUTRAL)
"""What bears on whether an answer says yes or no."""
GREETING = (Sign.GREETS,)
_SHORT_NOT = "n't"


@dataclass(frozen=True, slots=True)
class Mark:
    """A phrase of a word list in a text: tokens `[start, end)`."""

    start: int
    end: int
    sign: Sign


@dataclass(frozen=True)
class Language:
    """The word lists of a language.

    Attributes:
        code: Its ISO 639-1 code.
        common: Words that show that a text is in this language; empty where its script does.
        phrases: What words and phrases do; of two at one place the longer counts.
    """

    code: str
    common: frozenset[str]
    phrases: Mapping[Sign, Sequence[str]]
    _index: Mapping[Sign, Mapping[str, Sequence[tuple[str, ...]]]] = field(init=False, repr=False)
    glue: frozenset[str] = field(init=False, repr=False)
    lone_no: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "common", frozenset(word for text in self.common for word in words_of(text)))
        index = {sign: _by_first_word(phrases) for sign, phrases in self.phrases.items()}
        object.__setattr__(self, "_index", index)
        tied = (phrase for sign in (Sign.GLUE, Sign.VERB) for phrase in self.phrases.get(sign, ()))
        object.__setattr__(
            self, "lone_no", frozenset(self.phrases.get(Sign.NO, ())) & frozenset(self.phrases[Sign.NEGATES])
        )
        object.__setattr__(self, "glue", frozenset(word for phrase in tied for word in words_of(phrase)))

    @cached_property
    def known(self) -> frozenset[str]:
        """The words that begin one of its phrases."""
        return frozenset(word for phrases in self._index.values() for word in phrases)

    def marks(self, tokens: Sequence[Token], signs: Sequence[Sign]) -> list[Mark]:
        """Return the phrases of some signs in a text, in order, without overlaps: the earliest first, then the longest.

        Of phrases of one length the sign that is named first counts.
        """
        found: list[Mark] = []
        index = 0
        while index < len(tokens):
            if not self._may_begin(tokens[index].norm):
                index += 1
                continue
            best = max((self._longest(tokens, index, sign) for sign in signs), key=lambda mark: mark.end)
            if best.end > index:
                found.append(best)
            index = max(best.end, index + 1)
        return found

    def _may_begin(self, word: str) -> bool:
        """Return whether a phrase may begin with a word; most words of a text begin none."""
        return word in self.known or word.endswith(_SHORT_NOT)

    def _longest(self, tokens: Sequence[Token], start: int, sign: Sign) -> Mark:
        for words in self._index.get(sign, {}).get(tokens[start].norm, ()):
            end = start + len(words)
            if end <= len(tokens) and all(tokens[start + k].norm == word for k, word in enumerate(words)):
                return Mark(start, end, sign)
        denies = sign is Sign.NEGATES and tokens[start].norm.endswith(_SHORT_NOT)
        return Mark(start, start + 1 if denies else start, sign)


def _by_first_word(phrases: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """Return the words of phrases by their first word, the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in phrases:
        words = words_of(phrase)
        found.setdefault(words[0], []).append(words)
    for entries in found.values():
        entries.sort(key=len, reverse=True)
    return found
