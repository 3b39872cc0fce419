"""An answer as a careful reader reads it: what it says, and what it denies, compares with, supposes or takes back.

The reader knows the question and the answer and never the accepted answers, so what it says of a place in the answer is
the same whether the answer is right or wrong. Every grading rule reads through it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from truthmap.grading.budget import Budget
from truthmap.grading.languages import language_of
from truthmap.grading.lexicon import STANCE, Language, Mark, Sign
from truthmap.grading.sentences import is_inner_dot, is_spaced_dash, sentences_of
from truthmap.grading.tokens import Token, tokenize, tokens_between

_LOOK = 40
"""Tokens that are looked at before a place, at most: clauses end earlier."""
_STRONG = frozenset(".!?;:\n\r()[]{}\u2014\u2013。！？；：।۔؟…|>#") | {"\u061b"}
_WEAK = frozenset(",，、،")
_QUOTES = frozenset("\"'“”‘’`*_«»„「」『』")
_QUESTION = frozenset("?？؟")
# "not the capital of X": X is not what is denied.
_OF_WHOLE = frozenset(
    [
        "capital",
        "largest",
        "biggest",
        "oldest",
        "main",
        "only",
        "second",
        "third",
        "most",
        "seat",
        "center",
        "centre",
        "smallest",
        "first",
    ]
)


_DOUBLE_QUOTES = frozenset('"“”„«»「」『』')
_DIRECTIONS = ("north", "south", "east", "west")
_BUT_ONLY = frozenset(("only", "merely", "just", "simply"))
# "The city of X is …": X is the subject.
_KINDS = frozenset(("city", "town", "name", "country", "state", "option", "answer", "choice"))


class Stance(StrEnum):
    """What an answer does with something that it names."""

    SAID = "said"
    DENIED = "denied"
    AGAINST = "against"
    """Held against the answer: than X, unlike X."""
    NEAR = "near"
    """Beside what is asked for: near X, borders X."""
    SUPPOSED = "supposed"
    """Thought once, or by others."""
    ASKED = "asked"
    """Named in a question."""
    WITHDRAWN = "withdrawn"
    """Said, and taken back."""


@dataclass(frozen=True)
class Reading:
    """A text with its words, and what they do.

    Attributes:
        text: The text, or the part of it that is read: its characters stay where they are.
        tokens: Its words and marks.
        language: The language that it is in.
        budget: How long reading may take.
    """

    text: str
    tokens: tuple[Token, ...]
    language: Language
    budget: Budget = field(compare=False)

    @classmethod
    def of(cls, text: str, question: str = "", budget: Budget | None = None) -> Reading:
        """Read a text."""
        tokens = tokenize(text)
        return cls(text, tokens, language_of(tokens, question), budget or Budget.start())

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """The phrases that bear on what is said."""
        return tuple(self._resolved(mark) for mark in self.language.marks(self.tokens, STANCE))

    @cached_property
    def sign_at(self) -> tuple[Mark | None, ...]:
        """The phrase that holds each token."""
        signs: list[Mark | None] = [None] * len(self.tokens)
        for mark in self.marks:
            signs[mark.start : mark.end] = [mark] * (mark.end - mark.start)
        return tuple(signs)

    @cached_property
    def sentences(self) -> tuple[tuple[int, int], ...]:
        """Ranges of tokens, each a sentence or a line with what ends it."""
        return sentences_of(self.tokens)

    @property
    def is_unspaced(self) -> bool:
        """Whether the text's language puts no spaces between words."""
        return self.language.code in ("zh", "ja", "th")

    def tokens_of(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of tokens that hold the characters `[start, end)`."""
        return tokens_between(self._starts, self._ends, start, end)

    def sentence_of(self, token: int) -> tuple[int, int]:
        """Return the range of tokens of the sentence that a token is in."""
        place = bisect_right(self.sentences, (token, len(self.tokens) + 1)) - 1
        return self.sentences[max(place, 0)] if self.sentences else (0, 0)

    def stance(self, start: int, end: int) -> Stance:
        """Return what the text does with the tokens `[start, end)`."""
        self.budget.check()
        before = self._before(start)
        if before is not Stance.SAID:
            return before
        if self._denied_after(start, end):
            return Stance.DENIED
        return Stance.ASKED if self._is_asked(end) else Stance.SAID

    def contrasts_after(self, token: int) -> bool:
        """Return whether the text sets something against what it says before the token: "…, but", "in fact"."""
        return any(mark.sign in (Sign.CONTRASTS, Sign.ANSWERS) for mark in self.marks if mark.start >= token)

    def corrected_after(self, token: int) -> bool:
        """Return whether the text takes back what it says at the token: "…, no, Lima"."""
        for mark in self.marks:
            if mark.sign is Sign.CORRECTS and mark.start > token:
                behind = self.tokens[mark.end : self.sentence_of(min(mark.end, len(self.tokens) - 1))[1]]
                return any(t.word and t.norm not in self.language.glue for t in behind)
        return False

    def is_glue(self, start: int, end: int) -> bool:
        """Return whether nothing of meaning stands in the tokens `[start, end)`: articles, prepositions, quotes."""
        return all(
            token.norm in self.language.glue or token.norm in _QUOTES or token.norm in _WEAK
            for token in self.tokens[start:end]
        )

    def opens_clause(self, start: int) -> bool:
        """Return whether the token begins a clause, apart from glue."""
        for index in range(start - 1, max(start - _LOOK, -1), -1):
            token, mark = self.tokens[index], self.sign_at[index]
            if token.norm in _STRONG or token.norm in _WEAK:
                return True
            if mark is not None and mark.sign in (Sign.CONTRASTS, Sign.CONCLUDES, Sign.ASIDE, Sign.AND, Sign.CORRECTS):
                return True
            if token.norm not in _QUOTES and token.norm not in self.language.glue and token.norm not in _KINDS:
                return False
        return True

    def is_boundary(self, index: int) -> bool:
        """Return whether a clause ends at the token, which is a mark."""
        norm = self.tokens[index].norm
        return (
            (norm in _STRONG and not is_inner_dot(self.tokens, index))
            or norm in _WEAK
            or is_spaced_dash(self.tokens, index)
        )

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return tuple(token.start for token in self.tokens)

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        return tuple(token.end for token in self.tokens)

    def _resolved(self, mark: Mark) -> Mark:
        """Tell a `no` that takes back or answers from one that denies what follows it."""
        if mark.sign is not Sign.NEGATES or self.tokens[mark.start].norm not in self.language.lone_no:
            return mark
        ends = mark.end == len(self.tokens) or (
            not self.tokens[mark.end].word and self.tokens[mark.end].norm not in _QUOTES
        )
        opens = mark.start == 0 or not self.tokens[mark.start - 1].word
        return Mark(mark.start, mark.end, Sign.CORRECTS) if ends and opens and mark.end - mark.start == 1 else mark

    def _before(self, start: int) -> Stance:
        """Return the stance that the clause before a place gives it."""
        pure = True
        index = start - 1
        while index >= 0 and start - index <= _LOOK:
            token, mark = self.tokens[index], self.sign_at[index]
            sign = mark.sign if mark is not None else None
            if sign in (Sign.CONTRASTS, Sign.CORRECTS, Sign.CONCLUDES, Sign.ANSWERS, Sign.ASIDE):
                return Stance.SAID
            if sign is Sign.NEGATES:
                assert mark is not None
                return Stance.SAID if self._of_whole(mark.end, start) else Stance.DENIED
            if sign is Sign.AGAINST:
                return Stance.AGAINST
            if sign is Sign.NEAR and pure and not self._lies_within(mark):
                return Stance.NEAR
            if sign is Sign.SUPPOSES:
                return Stance.SUPPOSED
            if sign in (Sign.AND, Sign.OR) and self._has_verb(index + 1, start):
                return Stance.SAID
            if mark is None and self.is_boundary(index):
                return Stance.SAID
            pure = pure and (token.norm in self.language.glue or token.norm in _QUOTES or token.norm in _KINDS)
            index = self.quote_before(index) if mark is None else mark.start - 1
        return Stance.SAID

    def _denied_after(self, start: int, end: int) -> bool:
        index = end
        while index < len(self.tokens) and self.tokens[index].norm in _QUOTES | {")"}:
            index += 1
        mark = self.sign_at[index] if index < len(self.tokens) else None
        if mark is not None and mark.sign is Sign.DENIED and mark.start == index:
            return True
        if not self.opens_clause(start):
            return False
        # "Jupiter is only …": something else is the answer.
        after = [token.norm for token in self.tokens[index : index + 2]]
        if not _BUT_ONLY.isdisjoint(after) and (after[0] in _BUT_ONLY or (mark is not None and mark.sign is Sign.VERB)):
            return True
        # "Jupiter is not …", "Shakespeare did not …": the subject of a denial.
        while mark is not None and mark.sign is Sign.VERB and index - end < 3:
            index = mark.end
            mark = self.sign_at[index] if index < len(self.tokens) else None
        return mark is not None and mark.sign is Sign.NEGATES and not self._of_whole(mark.end, mark.end + 6)

    def quote_before(self, index: int) -> int:
        """Return the token before the one at `index`; where that closes a quotation, the one before the quotation."""
        return self._quotes.get(index, index) - 1

    @cached_property
    def _quotes(self) -> dict[int, int]:
        """For each closing quotation mark its opening one, within a sentence's line."""
        found: dict[int, int] = {}
        opened = -1
        for index, token in enumerate(self.tokens):
            if token.norm in "\n\r":
                opened = -1
            elif token.norm in _DOUBLE_QUOTES:
                if opened >= 0:
                    found[index], opened = opened, -1
                else:
                    opened = index
        return found

    def _lies_within(self, mark: Mark | None) -> bool:
        """Return whether a direction is a part of what it is said of: "in the south east of X"."""
        if mark is None or mark.start == 0 or not self.tokens[mark.start].norm.startswith(_DIRECTIONS):
            return False
        apart = self.tokens[mark.start - 1].norm in ("-", "–")
        before = self.tokens[max(mark.start - 1 - apart, 0)]
        return before.norm == "the" or before.norm.startswith(_DIRECTIONS) or before.capital

    def _is_asked(self, end: int) -> bool:
        low, high = self.sentence_of(end - 1)
        return self.tokens[high - 1].norm in _QUESTION and low < end

    def _of_whole(self, start: int, end: int) -> bool:
        """Return whether a denial is of the capital of something, the largest in something, not of the thing itself."""
        return any(token.norm in _OF_WHOLE for token in self.tokens[start:end])

    def _has_verb(self, start: int, end: int) -> bool:
        marks = (self.sign_at[index] for index in range(start, end))
        return any(mark is not None and mark.sign is Sign.VERB for mark in marks)


def glue_between(reading: Reading, start: int, end: int, signs: Sequence[Sign]) -> Sign | None:
    """Return the one of `signs` that joins what stands around the tokens `[start, end)`; `None` if more is there."""
    joined: Sign | None = None
    for index in range(start, min(end, start + _LOOK)):
        mark = reading.sign_at[index]
        if mark is not None and mark.sign in signs:
            joined = mark.sign
        elif not reading.is_glue(index, index + 1):
            return None
    return joined
