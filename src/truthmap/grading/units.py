"""Units that numbers are given in, so that 2 km and 2,000 m are the same and 2 km and 2 kg are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: what it measures and how many base units it is."""

    dimension: str
    factor: Fraction


# Dimension → names → how many base units one is. Letters that are also words or variables (m, s, a) count only right
# after a number, which is the only place where units are looked for.
_TABLE: Mapping[str, Mapping[str, str]] = {
    "length": {
        "mm millimeter millimetre": "1/1000", "cm centimeter centimetre": "1/100", "m meter metre": "1",
        "km kilometer kilometre": "1000", "inch inches": "254/10000", "ft foot feet": "3048/10000",
        "yd yard": "9144/10000", "mi mile": "1609344/1000",
    },
    "mass": {
        "mg milligram": "1/1000", "g gram": "1", "kg kilogram kilo": "1000", "ton tonne": "1000000",
        "oz ounce": "28349523125/1000000000", "lb lbs pound": "45359237/100000",
    },
    "time": {
        "second sec s": "1", "minute min": "60", "hour hr h": "3600", "day": "86400", "week": "604800",
    },
    "volume": {
        "ml milliliter millilitre": "1/1000", "l liter litre": "1", "cup": "2365882365/10000000000",
        "pint": "473176473/1000000000", "quart": "946352946/1000000000", "gallon": "3785411784/1000000000",
    },
    "months": {"month": "1", "year yr": "12", "decade": "120", "century centuries": "1200"},
    "dollars": {"dollar usd $": "1", "cent ¢": "1/100"},
    "euros": {"euro eur €": "1"},
    "sterling": {"gbp £": "1"},
    "yen": {"yen jpy ¥": "1"},
    "rupees": {"rupee inr ₹": "1"},
    "celsius": {"celsius °c": "1"},
    "fahrenheit": {"fahrenheit °f": "1"},
    "share": {"percent %": "1/100"},
}  # fmt: skip
_SIGNS = frozenset("$€£¥₹")
SHARE = "share"
DATE = "date"


def _by_name() -> dict[str, Unit]:
    return {
        name: Unit(dimension, Fraction(factor))
        for dimension, units in _TABLE.items()
        for names, factor in units.items()
        for name in names.split()
    }


_UNITS = _by_name()
_AFTER = re.compile(r"[\s\u00a0]?-?(?:degrees? |° (?=[CF]))?(per cent|[%¢$€£¥₹]|°[CF]\b|[A-Za-z]{1,30})")
_BEFORE = re.compile(r"(?:US|USD|EUR|GBP|[$€£¥₹])[ \u00a0]?$")


def unit_after(text: str, end: int) -> tuple[Unit | None, int]:
    """Return the unit that follows a number, if it is a known one, and where it ends; plurals count."""
    match = _AFTER.match(text, end)
    if match is None:
        return None, end
    word = match[1].lower().replace("per cent", "percent")
    unit = _UNITS.get(word) or (_UNITS.get(word[:-1]) if word.endswith("s") else None)
    return (unit, match.end()) if unit is not None else (None, end)


def unit_before(text: str, start: int) -> Unit | None:
    """Return the currency whose sign or code stands before a number."""
    match = _BEFORE.search(text[max(0, start - 4) : start])
    return None if match is None else _UNITS.get({"us": "usd"}.get(match[0].strip().lower(), match[0].strip().lower()))


def unit_in(text: str) -> Unit | None:
    """Return the one unit that a text names in a word of three letters or more ("in km", "how many minutes").

    None where it names several.
    """
    words = re.findall(r"[A-Za-z]{2,30}", text)
    named = {unit for word in words if (unit := _named(word.lower())) is not None}
    return named.pop() if len(named) == 1 else None


def _named(word: str) -> Unit | None:
    if len(word) < 3 and word not in ("km", "kg", "cm", "mm", "ft"):
        return None
    unit = _UNITS.get(word) or (_UNITS.get(word[:-1]) if word.endswith("s") else None)
    return unit if word not in ("second", "min", "cup", "ton", "day", "year") else None
