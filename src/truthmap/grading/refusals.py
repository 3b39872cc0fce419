"""Answers that decline to answer: what they say is told without the accepted answers."""

from __future__ import annotations

from collections.abc import Iterator

from truthmap.grading.lexicon import REFUSAL, Mark, Sign
from truthmap.grading.ordinary_words import ORDINARY
from truthmap.grading.reading import Reading
from truthmap.grading.tokens import words_of

_OPENING = 300
"""Characters in which a refusal is said; later in a long answer such words qualify what was said."""
_READ = 900
"""Characters in which something may be offered all the same."""
_QUOTES = frozenset('"“”«»„「」')


def is_refusal(reading: Reading, question: str = "") -> bool:
    """Return whether an answer declines to answer ("I don't know", "As an AI, …") and offers nothing all the same.

    "Unfortunately, it was Marlowe" and "I'm not sure, perhaps Peru" offer something: they are answers. What is offered
    is a guess ("perhaps", "I think", "it was"), or a name or number that the question does not have, outside the
    clauses that decline or send the reader elsewhere.
    """
    asked = frozenset(words_of(question))
    refused = offered = spoke = False
    for start, end in _clauses(reading):
        signs = {mark.sign for mark in _marks(reading, start, end)}
        if Sign.REFUSES in signs:
            refused = refused or reading.tokens[start].start < _OPENING
        elif Sign.ADVISES in signs or signs == {Sign.SOFTENS}:
            # "Unfortunately, …": what goes on behind the word in the same clause may offer something.
            spoke = spoke or (Sign.ADVISES not in signs and _offers_name(reading, start, end, asked))
        else:
            spoke = True
            offered = offered or Sign.OFFERS in signs or _offers_name(reading, start, end, asked)
    softened = any(mark.sign is Sign.SOFTENS for mark in _marks(reading, 0, len(reading.tokens)))
    return (refused and not offered) or (softened and not spoke and not offered)


def _clauses(reading: Reading) -> Iterator[tuple[int, int]]:
    """Yield the ranges of tokens of the clauses, what is quoted left out."""
    start, quoted = 0, False
    for index, token in enumerate(reading.tokens):
        if token.start > _READ:
            break
        mark = reading.sign_at[index]
        contrast = mark is not None and mark.sign is Sign.CONTRASTS and mark.start == index
        if token.norm in _QUOTES or contrast or reading.is_boundary(index):
            if index > start and not quoted:
                yield start, index
            quoted = not quoted if token.norm in _QUOTES else quoted
            start = index + 1
    else:
        if start < len(reading.tokens):
            yield start, len(reading.tokens)


def _marks(reading: Reading, start: int, end: int) -> list[Mark]:
    return reading.language.marks(reading.tokens[start : min(end, start + 200)], REFUSAL)


def _offers_name(reading: Reading, start: int, end: int, asked: frozenset[str]) -> bool:
    return any(
        token.word
        and token.norm not in asked
        and token.norm not in ORDINARY
        and (token.capital or token.norm[0].isdigit())
        for token in reading.tokens[start:end]
    )
