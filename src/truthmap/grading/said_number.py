"""A number or date that an answer gives, alone or as one of several: "41 or 42", "between 40 and 42"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from truthmap.grading.dates import Date
from truthmap.grading.numbers import Number, same_value

_OR = re.compile(
    r"[\s,]{0,4}(?:or|oder|ou|o|или|或|또는|または)[\s,]{0,4}(?:about |around |maybe |perhaps |possibly )?",
    re.IGNORECASE,
)
_TO = re.compile(r"\s?(?:[-–—~]|to|bis|à)\s?", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:between|zwischen|entre)\s{1,4}(?:about |around )?[$€£]?$", re.IGNORECASE)
_AND = re.compile(r"[^.;\d\n]{0,24}\b(?:and|und|et|y|e)\b\s{0,4}[$€£]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """The number or the date that an answer gives.

    Attributes:
        number: The number, if it is one.
        date: The date, if it is one.
        open: It is one of several that the answer leaves open: "41 or 42".
        between: It is one end of a range that the answer gives: "between 40 and 42".
        reach: One past the last character of the range; -1 where there is none.
    """

    number: Number | None = None
    date: Date | None = None
    open: bool = False
    between: bool = False
    reach: int = -1

    @property
    def start(self) -> int:
        """The first character."""
        return self.date.start if self.date is not None else self._number.start

    @property
    def end(self) -> int:
        """One past the last character."""
        own = self.date.end if self.date is not None else self._number.end
        return max(own, self.reach)

    @property
    def _number(self) -> Number:
        assert self.number is not None
        return self.number


def is_range(between: str) -> bool:
    """Return whether what stands between two numbers makes them a range: a dash, `to`."""
    return _TO.fullmatch(between) is not None


def ranged(text: str, items: Sequence[Said], said: Said) -> Said:
    """Say of a number whether it is one of several that are left open, or an end of a range."""
    place = items.index(said)
    pairs = [(items[place], items[place + 1])] if place + 1 < len(items) else []
    if place:
        pairs.insert(0, (items[place - 1], items[place]))
    for one, other in pairs:
        low = max(one.end, one.number.unit_end if one.number is not None else -1)
        gaps = {text[one.end : other.start], text[min(low, other.start) : other.start]}
        between = _BETWEEN.search(text[max(0, one.start - 24) : one.start])
        if between is not None and any(_AND.fullmatch(gap) or _TO.fullmatch(gap) for gap in gaps):
            years = _is_year(one) and _is_year(other)
            return replace(said, open=True) if years else replace(one, between=True, reach=other.end)
        same = one.number is not None and other.number is not None and _alike(one.number, other.number)
        if not same and any(_OR.fullmatch(gap) or _TO.fullmatch(gap) for gap in gaps):
            return replace(said, open=True)
    return said


def _is_year(said: Said) -> bool:
    return said.number is not None and said.number.value.denominator == 1 and 1000 <= said.number.value <= 2100


def _alike(one: Number, other: Number) -> bool:
    """Return whether two numbers give one quantity in two units: "5 km or 3.1 miles"."""
    if one.unit is None or other.unit is None:
        return same_value(one.value, other.value)
    if one.unit.dimension != other.unit.dimension:
        return False
    first, second = one.value * one.unit.factor, other.value * other.unit.factor
    return abs(first - second) * 50 <= abs(first)
