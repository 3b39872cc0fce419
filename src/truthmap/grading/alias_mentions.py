"""Where an answer says an accepted answer in the answer's own words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from truthmap.grading.mentions import repeats_question
from truthmap.records import Span
from truthmap.text import NormalizedText, find_words, normalize

_ARTICLES = frozenset(("a", "an", "the"))
_KEPT_SIGNS = frozenset("#%&@+$€£°")
_SHORTEST_IN_ANY_CASE = 3


@dataclass(frozen=True, slots=True)
class AliasMention:
    """A place `span` of the answer's text that says the accepted answer `alias`."""

    span: Span
    alias: str


def find_alias(text: str, question: str, accepted: Iterable[str]) -> AliasMention | None:
    """Find the first accepted answer that the answer contains and does not only repeat from the question."""
    return next(iter(alias_mentions(text, question, accepted)), None)


def alias_mentions(text: str, question: str, accepted: Iterable[str]) -> list[AliasMention]:
    """Find the accepted answers that the answer contains and does not only repeat from the question, in order.

    Compared are whole words with case, accents, punctuation and articles set aside; of several that begin at one place
    the longest comes first. A name of one or two letters matches only as it is written, or in capitals.
    """
    places = [
        (start, -end, alias) for alias in dict.fromkeys(accepted) for start, end in _places(text, question, alias)
    ]
    return [AliasMention(Span(start, -minus_end), alias) for start, minus_end, alias in sorted(places)]


def _places(text: str, question: str, alias: str) -> Iterator[tuple[int, int]]:
    compared = normalize if _normalize_answer(alias) is None else normalize_answer
    said, asked, wanted = compared(text), compared(question).text, compared(alias).text.strip()
    at = find_words(said.text, wanted)
    while at >= 0:
        end = at + len(wanted)
        low, high = said.original(at, end)
        if _is_written_so(text[low:high], alias, wanted) and not repeats_question(said.text, at, end, asked):
            yield low, high
        at = find_words(said.text, wanted, at + 1)


def _is_written_so(written: str, alias: str, wanted: str) -> bool:
    if len(wanted) >= _SHORTEST_IN_ANY_CASE or not wanted.isalpha():
        return True
    return written in (alias.strip(), alias.strip().upper()) or not written.isascii()


def normalized_answer(text: str) -> str:
    """Return a text in the one spelling in which answers are compared: normalized, without punctuation and articles.

    >>> normalized_answer("The J.R.R. Tolkien’s")
    'j r r tolkien s'
    """
    return normalize_answer(text).text.strip()


def normalize_answer(text: str) -> NormalizedText:
    """Normalize a text, make punctuation blank and drop articles, unless that leaves nothing ("The The", "!!!")."""
    return _normalize_answer(text) or normalize(text)


@lru_cache(maxsize=4096)
def _normalize_answer(text: str) -> NormalizedText | None:
    whole = normalize(text)
    plain = _without_articles("".join(" " if _is_punctuation(character) else character for character in whole.text))
    kept = [i for i, character in enumerate(plain) if character != " " or (i > 0 and plain[i - 1] != " ")]
    if not plain.strip():
        return None
    return NormalizedText(
        "".join(plain[i] for i in kept), tuple(whole.starts[i] for i in kept), tuple(whole.ends[i] for i in kept)
    )


def _without_articles(text: str) -> str:
    """Blank the articles; every character stays where it is."""
    return " ".join(" " * len(word) if word in _ARTICLES else word for word in text.split(" "))


def _is_punctuation(character: str) -> bool:
    return character not in _KEPT_SIGNS and unicodedata.category(character)[0] in "PSZ"
