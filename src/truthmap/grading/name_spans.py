"""Proper names and quoted titles in a text: runs of capitalised words, by their looks alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from truthmap.grading.ordinary_words import ORDINARY
from truthmap.records import Span
from truthmap.text import normalized

_WORD = re.compile(r"[^\W_]+(?:[.'’\-][^\W_]+)*")
_QUOTED = re.compile(r"[\"“«„]([^\"“”«»„\n]{1,80})[\"”»]")
# What may stand between two words of one name; a full stop only after an initial or a title (J. R. R., Dr.).
_JOIN = re.compile(
    r"[ \u00a0]{1,3}|[ \u00a0]?[&·][ \u00a0]?|(?<=\b[A-Z])\. ?|(?<=\b(?:Dr|Mr|Ms|St|Jr|Sr))\. ?|(?<=\bMrs)\. ?"
)
_PARTICLE_LIST = "of the de den della der del di da do dos du la le el al van von ten ter bin ibn y"
_PARTICLES = frozenset(_PARTICLE_LIST.split())


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str

    @property
    def capital(self) -> bool:
        return self.text[0].isupper() or self.text[0].istitle()


def name_spans(text: str) -> list[Span]:
    """Return the proper names and quoted titles of a text, in order.

    Rough: a name at the start of a sentence is told from an ordinary word by a short list of ordinary words.
    """
    return sorted(_names(text), key=lambda span: (span.start, -span.end))


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


def _is_ordinary(word: _Word) -> bool:
    return normalized(word.text).partition("'")[0] in ORDINARY


def _words(text: str) -> Iterator[_Word]:
    for match in _WORD.finditer(text):
        yield _Word(match.start(), match.end(), match.group())
