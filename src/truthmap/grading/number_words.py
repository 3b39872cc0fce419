"""Numbers written in English words: `nine`, `twenty-one`, `three hundred and five`, `two million`."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SMALL_LIST = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS_LIST = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_SMALL_LIST.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TENS_LIST.split(), start=2)}
_POWERS = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join((*_SMALL, *_TENS, *_POWERS))
_RUN = re.compile(rf"\b(?:{_WORD})(?:(?:[\s-]+|\s+and\s+)(?:{_WORD}))*\b", re.IGNORECASE)
# "one of the", "no one", "one another" count nothing.
_NO_NUMBER = re.compile(r"\s+(?:of|another|by one)\b", re.IGNORECASE)
_NO_ONE = re.compile(r"\b(?:no|any|every|some|each|this|that|the|which)[\s-]+$", re.IGNORECASE)


def spelled_numbers(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and value of every number in words; a run that is no number ("two three") gives each of its."""
    for run in _RUN.finditer(text):
        if run.group().lower() == "one" and (
            _NO_NUMBER.match(text, run.end()) or _NO_ONE.search(text[max(0, run.start() - 12) : run.start()])
        ):
            continue
        words = [
            (match.start(), match.end(), match.group().lower()) for match in re.finditer(r"[A-Za-z]+", run.group())
        ]
        for start, end, value in _numbers([word for word in words if word[2] != "and"]):
            yield run.start() + start, run.start() + end, value


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
