"""Where sentences end, and which dots and dashes are no ends."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.tokens import Token

_ENDS = frozenset(".!?\n\r。！？।۔؟")
_TITLES = frozenset(("dr", "mr", "mrs", "ms", "st", "jr", "sr", "vs", "no", "prof", "gen", "col", "mt"))


def sentences_of(tokens: Sequence[Token]) -> tuple[tuple[int, int], ...]:
    """Return ranges of tokens, each a sentence or a line with what ends it."""
    found: list[tuple[int, int]] = []
    start = 0
    for index, token in enumerate(tokens):
        if token.norm in _ENDS and not is_inner_dot(tokens, index):
            if index + 1 - start > 1 or not found:
                found.append((start, index + 1))
            else:
                found[-1] = (found[-1][0], index + 1)
            start = index + 1
    if start < len(tokens):
        found.append((start, len(tokens)))
    return tuple(found)


def is_inner_dot(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a dot ends no sentence: in `U.S.`, `J. Smith`, `3.5`, `Dr. Who`."""
    token = tokens[index]
    if token.norm != "." or index == 0:
        return False
    before = tokens[index - 1]
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if before.end != token.start or not before.word:
        return after is not None and after.norm == "." and after.start == token.end
    if after is None or not after.word:
        return False
    if after.start == token.end:
        return True
    short = before.end - before.start == 1 and before.capital
    return (short and _initial_goes_on(tokens, index)) or (before.norm in _TITLES and before.capital)


def is_spaced_dash(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the token is a dash that stands apart from the words around it."""
    token = tokens[index]
    if token.norm not in ("-", "−"):
        return False
    apart_before = index == 0 or tokens[index - 1].end < token.start
    apart_after = index + 1 == len(tokens) or tokens[index + 1].start > token.end
    return apart_before and apart_after


def _initial_goes_on(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a letter with a dot is an initial of the name that goes on behind it."""
    alone = index < 2 or (not tokens[index - 2].word and tokens[index - 2].norm != ".")
    return tokens[index + 1].capital and not (alone and index < 2)
