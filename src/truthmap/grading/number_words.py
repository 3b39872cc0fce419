"""Numbers in words: `nine`, `twenty-one`, `three hundred and five`, `two million`; small ones in other languages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import resources

from truthmap.grading.tokens import Token, tokenize
from truthmap.text import normalized

_SMALL_LIST = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS_LIST = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_SMALL_LIST.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TENS_LIST.split(), start=2)}
_POWERS = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_HAN = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_HAN_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
# "one of the", "no one", "one another" count nothing.
_NO_NUMBER = frozenset(("of", "another", "by"))
_NO_ONE = frozenset(
    [
        "no",
        "any",
        "every",
        "some",
        "each",
        "this",
        "that",
        "the",
        "which",
        "only",
        "last",
        "first",
        "correct",
        "right",
        "right",
        "wrong",
    ]
)
_JOINS = frozenset(("-", "–", "and"))
_WORDS = {**_SMALL, **_TENS, **_POWERS}


def spelled_numbers(text: str, language: str = "en") -> Iterator[tuple[int, int, int]]:
    """Yield start, end and value of every number in words; a run that is no number ("two three") gives each of its.

    Args:
        text: The text.
        language: ISO 639-1 code; in others than English their own words count too.
    """
    tokens = tokenize(text)
    foreign = language != "en" or sum(token.word for token in tokens) == 1
    index = 0
    while index < len(tokens):
        end = _run_end(tokens, index)
        if end > index:
            run = [token for token in tokens[index:end] if token.norm in _WORDS]
            if not (len(run) == 1 and run[0].norm == "one" and _counts_nothing(tokens, index, end)):
                yield from _numbers([(token.start, token.end, token.norm) for token in run])
            index = end
            continue
        end = _han_end(tokens, index)
        if end > index:
            value = _han_value([token.norm for token in tokens[index:end]])
            if value is not None:
                yield tokens[index].start, tokens[end - 1].end, value
            index = end
            continue
        value = _foreign_words().get(tokens[index].norm) if foreign else None
        if value is not None:
            yield from _foreign(tokens, index, value)
        index += 1


def is_number_word(word: str) -> bool:
    """Return whether a normalized word is, or is part of, a number in English words."""
    return word in _WORDS


def _run_end(tokens: Sequence[Token], start: int) -> int:
    if tokens[start].norm not in _WORDS:
        return start
    end = start + 1
    while end < len(tokens):
        if tokens[end].norm in _WORDS:
            end += 1
        elif tokens[end].norm in _JOINS and end + 1 < len(tokens) and tokens[end + 1].norm in _WORDS:
            end += 2
        else:
            break
    return end


def _counts_nothing(tokens: Sequence[Token], start: int, end: int) -> bool:
    before = tokens[start - 1].norm if start else ""
    after = tokens[end].norm if end < len(tokens) else ""
    return before in _NO_ONE or after in _NO_NUMBER


def _numbers(words: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, int]]:
    """Read as many words as make one number, then go on with the rest."""
    total, part, first, last, room = 0, 0, -1, -1, 0
    for start, end, word in words:
        size = _POWERS.get(word)
        value = _SMALL.get(word, _TENS.get(word, 0))
        fits = first < 0 or size is not None or (value < room)
        if not fits:
            yield first, last, total + part
            total, part, first = 0, 0, -1
        first, last = (start if first < 0 else first), end
        if size == 100:
            part, room = max(part, 1) * 100, 100
        elif size is not None:
            total, part, room = total + max(part, 1) * size, 0, size
        else:
            part += value
            room = 10 if value >= 20 else 0
    if first >= 0:
        yield first, last, total + part


@lru_cache(maxsize=1)
def _foreign_words() -> dict[str, int]:
    """Read the number words of other languages; those that mean something else in one of them are left out."""
    text = (resources.files("truthmap.grading") / "words" / "numbers.json").read_text(encoding="utf-8")
    return {normalized(word): int(value) for value, words in json.loads(text).items() for word in words.split("|")}


def _foreign(tokens: Sequence[Token], index: int, value: int) -> Iterator[tuple[int, int, int]]:
    """Read `cinquante-six`, `treinta y dos`: tens, then a digit."""
    end = index + 1
    if value >= 20 and value % 10 == 0 and end + 1 < len(tokens) and tokens[end].norm in ("-", "y", "et", "e"):
        unit = _foreign_words().get(tokens[end + 1].norm)
        if unit is not None and unit < 20:
            value, end = value + unit, end + 2
    yield tokens[index].start, tokens[end - 1].end, value


def _han_end(tokens: Sequence[Token], start: int) -> int:
    end = start
    while end < len(tokens) and (tokens[end].norm in _HAN or tokens[end].norm in _HAN_POWERS) and end - start < 24:
        end += 1
    # A lone 一 is an article more often than a number.
    return start if end == start + 1 and tokens[start].norm in ("一", "千", "万") else end


def _han_value(characters: Sequence[str]) -> int | None:
    if all(character in _HAN for character in characters):
        return int("".join(str(_HAN[character]) for character in characters))
    total, section, digit = 0, 0, 0
    for character in characters:
        if character in _HAN:
            digit = _HAN[character]
        elif _HAN_POWERS[character] >= 10_000:
            total, section, digit = (total + section + digit) * _HAN_POWERS[character], 0, 0
        else:
            section, digit = section + max(digit, 1) * _HAN_POWERS[character], 0
    return total + section + digit
