"""A rough rule that needs no model: the first proper name or number that the question does not contain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from truthmap.grading.locating import LocatingKind
from truthmap.grading.numbers import find_numbers
from truthmap.grading.rule import Pair
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import Locating
from truthmap.records import Span
from truthmap.text import normalized

_WORD = re.compile(r"[^\W_]+(?:[.'’\-][^\W_]+)*")
_QUOTED = re.compile(r"[\"“]([^\"“”\n]{1,80})[\"”]")
# What may stand between two words of one name; a full stop only after an initial or a title (J. R. R., Dr.).
_JOIN = re.compile(
    r"[ \u00a0]+|[ \u00a0]?[&·][ \u00a0]?|(?<=\b[A-Z])\. ?|(?<=\b(?:Dr|Mr|Ms|St|Jr|Sr))\. ?|(?<=\bMrs)\. ?"
)
_PARTICLE_LIST = "of the de del della der den di da do dos du la le el al van von ten ter bin ibn y"
_PARTICLES = frozenset(_PARTICLE_LIST.split())
_ORDINARY_LIST = """
a about according actor actress after all also although an and answer any are as at based be because been before
both but by can correct could did do does during each every final first for from had has have he hence her here his
how however i if in indeed is it its let like many maybe more most my no not note of ok okay on one only or other
our out overall perhaps please question said same she since so some sorry still such sure text than that the their
them then there therefore these they this those though thus to two unfortunately until up was we well were what when
where whether which while who whom whose why will with would yes yet you your ai
"""
_NO_NAMES = frozenset(_ORDINARY_LIST.split())
_ASKS_NAME = re.compile(r"\b(?:who|whom|whose|where)\b", re.IGNORECASE)
_ASKS_NUMBER = re.compile(
    r"\b(?:how (?:many|much|old|long|far|tall|high)|when|what year|which year|what date)\b", re.IGNORECASE
)
_SHORT_ANSWER = 6


class NameLocating(LocatingKind):
    """The first proper name or number that the question does not contain: a rough rule that needs no model."""

    name = Locating.NAME

    def locate(self, pairs: Sequence[Pair], results: Sequence[RuleResult], graders: Graders) -> list[Span | None]:  # noqa: ARG002
        """Find the first name or number of each answer."""
        return [find_name(answer.text, question.text) for question, answer in pairs]


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str

    @property
    def capital(self) -> bool:
        return self.text[0].isupper() or self.text[0].istitle()


def find_name(text: str, question: str) -> Span | None:
    """Find the first proper name, quoted title or number of an answer that the question does not contain.

    Questions with who or where look for names only, those with how many or when for numbers first. An answer of up to
    six words in which neither stands is taken whole. Rough: a name at the start of a sentence is told from an ordinary
    word by a short list of ordinary words.
    """
    asked = frozenset(normalized(word.text) for word in _words(question))
    names = [span for span in _names(text) if _is_new(text, span, asked)]
    numbers = [Span(n.start, n.end) for n in find_numbers(text) if normalized(text[n.start : n.end]) not in asked]
    if _ASKS_NUMBER.search(question) and numbers:
        return numbers[0]
    either = names if _ASKS_NAME.search(question) else [*names, *numbers]
    if either:
        return min(either, key=lambda span: (span.start, -span.end))
    return _whole(text, asked)


def _names(text: str) -> Iterator[Span]:
    for match in _QUOTED.finditer(text):
        yield Span(*match.span(1))
    run: list[_Word] = []
    for word in _words(text):
        joined = bool(run) and _JOIN.fullmatch(text, run[-1].end, word.start) is not None
        if run and not (joined and (word.capital or word.text in _PARTICLES)):
            yield from _name(run)
            run = []
        if run or (word.capital and not _is_ordinary(word)):
            run.append(word)
    yield from _name(run)


def _name(run: list[_Word]) -> Iterator[Span]:
    """Yield the span of a run of capitalised words, without particles and ordinary words at its end."""
    while run and (not run[-1].capital or _is_ordinary(run[-1])):
        run = run[:-1]
    if run:
        last = run[-1].text
        owner = len(last) - 2 if last.endswith(("'s", "’s")) else len(last)
        yield Span(run[0].start, run[-1].start + owner)


def _is_new(text: str, span: Span, asked: frozenset[str]) -> bool:
    return any(normalized(word.text) not in asked for word in _words(text[span.start : span.end]))


def _whole(text: str, asked: frozenset[str]) -> Span | None:
    line = next((line for line in text.splitlines() if line.strip()), "")
    words = list(_words(line))
    if not words or len(words) > _SHORT_ANSWER or all(normalized(word.text) in asked for word in words):
        return None
    start = text.index(line)
    while len(words) > 1 and normalized(words[0].text) in ("a", "an", "the"):
        words = words[1:]
    return Span(start + words[0].start, start + words[-1].end)


def _is_ordinary(word: _Word) -> bool:
    return normalized(word.text).partition("'")[0] in _NO_NAMES


def _words(text: str) -> Iterator[_Word]:
    for match in _WORD.finditer(text):
        yield _Word(match.start(), match.end(), match.group())
