"""The first words that an answer says and its question does not have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from truthmap.grading.lexicon import Sign
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.tokens import Token
from truthmap.records import Span
from truthmap.text import is_unspaced

LONGEST_PHRASE = 6
"""Words in a phrase that is taken whole, at most."""


def new_phrase(reading: Reading, question: str, asked: frozenset[str], low: int, high: int) -> Span | None:
    """Return the first words that the text says and the question does not have."""
    shared = _bigrams(question)
    for run in _runs(reading, asked, shared, low, high):
        first, last = run[0], run[-1]
        start, end = reading.tokens_of(first.start, last.end)
        fits = len(run) <= LONGEST_PHRASE or is_unspaced(first.norm[0])
        if fits and reading.stance(start, end) is Stance.SAID:
            return Span(first.start, last.end)
    return None


def _runs(
    reading: Reading, asked: frozenset[str], shared: frozenset[str], low: int, high: int
) -> Iterator[list[Token]]:
    """Yield the runs of words that are neither glue nor in the question; of scripts without spaces their characters."""
    run: list[Token] = []
    stems = {_stem(word) for word in asked}
    for index, token in enumerate(reading.tokens):
        mark = reading.sign_at[index]
        bound = mark is not None and mark.sign not in (Sign.NEUTRAL, Sign.OR, Sign.AND)
        inside = low <= token.start and token.end <= high
        if is_unspaced(token.norm[0]):
            known = _is_shared(reading, index, shared)
        else:
            known = token.norm in asked or _stem(token.norm) in stems
        if inside and token.word and not bound and not known and token.norm not in reading.language.glue:
            run.append(token)
        elif run and not (
            token.norm in ("-", "'", "’", ".")
            and run[-1].end == token.start
            and index + 1 < len(reading.tokens)
            and reading.tokens[index + 1].start == token.end
        ):
            yield run
            run = []
    if run:
        yield run


def _bigrams(question: str) -> frozenset[str]:
    """Return the pairs of neighbouring characters of a question in a script without spaces."""
    return frozenset(one + other for one, other in pairwise(question) if is_unspaced(one))


def _is_shared(reading: Reading, index: int, shared: frozenset[str]) -> bool:
    tokens = reading.tokens
    before = tokens[index - 1].norm + tokens[index].norm if index else ""
    after = tokens[index].norm + tokens[index + 1].norm if index + 1 < len(tokens) else ""
    return before in shared or after in shared


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
