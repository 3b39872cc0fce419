"""Numbers in a text: digits, thousands, decimals, fractions, percent, number words, units; exact values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from truthmap.grading.number_words import spelled_numbers
from truthmap.grading.units import Unit, unit_after, unit_before

_BLANKS = " \u00a0\u2009\u202f"
_WHOLE = (
    rf"\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d{{1,3}}(?:[{_BLANKS[1:]}]\d{{3}})+(?!\d)|\d{{1,3}}(?:\.\d{{3}}){{2,}}(?!\d)|\d+"
)
_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}
# The longest run of digits that is read: beyond it a number is no answer, and its value would only cost time.
_LONGEST = 40
_NUMBER = re.compile(
    rf"""
      \\[dt]?frac\{{\s*(?P<top>\d{{1,{_LONGEST}}})\s*\}}\{{\s*(?P<bottom>\d{{1,{_LONGEST}}})\s*\}}
    | (?P<whole>{_WHOLE})(?P<decimals>\.\d+)?
      (?:(?P<mixed>\s?)(?P<vulgar>[{"".join(_VULGAR)}])
        |(?:[{_BLANKS}](?P<over>\d{{1,4}}))?[/⁄](?P<under>\d{{1,6}})(?!\d|[/.]\d)
        |[eE](?P<power>[+-]?\d{{1,3}})(?!\w))?
    | (?P<point>\.\d+)
    | (?P<lone>[{"".join(_VULGAR)}])
    """,
    re.VERBOSE,
)
_MINUS = frozenset("-−–")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "dozen": None}
_SCALE = re.compile(rf"[{_BLANKS}]?(hundred|thousand|million|billion|trillion|dozen)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Attributes:
        start: First character, the sign included.
        end: One past the last character: of the number or of a word that scales it ("3 million"), without its unit.
        value: Its exact value in `unit`.
        unit: The unit that it is given in, if that is a known one.
    """

    start: int
    end: int
    value: Fraction
    unit: Unit | None = None


def find_numbers(text: str) -> tuple[Number, ...]:
    """Find the numbers of a text in order: `1,234.5`, `3/4`, `2 ½`, `-7`, `$3 million`, `12 %`, `twenty-one`.

    A comma separates thousands where three digits follow each; otherwise it separates numbers. Digits within a word
    (`A4`, `x2`) are no number.
    """
    written = tuple(_written(text))
    taken = [(number.start, number.end) for number in written]
    spelled = (
        _with_unit(text, start, end, Fraction(value))
        for start, end, value in spelled_numbers(text)
        if not any(low < end and start < high for low, high in taken)
    )
    return tuple(sorted((*written, *spelled), key=lambda number: number.start))


def said_value(number: Number, wanted: Unit | None) -> Fraction | None:
    """Return the number's value in the unit `wanted`; as it is where either has no unit, `None` if they disagree."""
    if wanted is None or number.unit is None or wanted == number.unit:
        return number.value
    if wanted.dimension != number.unit.dimension:
        return None
    return number.value * number.unit.factor / wanted.factor


def same_value(one: Fraction, other: Fraction) -> bool:
    """Return whether two values are the same number, or one is the other rounded to two decimals or more.

    3.7 is not 3 and not 4; 3.14159 is 3.14; 0.333 is 1/3.
    """
    if one == other:
        return True
    if one.denominator == 1 or other.denominator == 1:
        return False
    return any(_rounds_to(*pair) for pair in ((one, other), (other, one)))


def written_value(value: Fraction) -> str:
    """Write a value in its one spelling: `9`, `28.26`, `-0.5`, `1/3`.

    >>> written_value(Fraction(9)), written_value(Fraction(2826, 100)), written_value(Fraction(1, 3))
    ('9', '28.26', '1/3')
    """
    decimals = _decimals(value)
    if decimals is None:
        return str(value)
    digits = str(abs(value.numerator) * 10**decimals // value.denominator).zfill(decimals + 1)
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def _rounds_to(precise: Fraction, short: Fraction) -> bool:
    decimals = _decimals(short)
    more = _decimals(precise)
    if decimals is None or decimals < 2 or (more is not None and more <= decimals):
        return False
    return bool(abs(precise - short) * 2 * 10**decimals <= 1)


def _decimals(value: Fraction) -> int | None:
    """Return how many decimals write a value exactly; `None` for 1/3 and its like."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def _written(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if _in_word(text, start, end) or end - start > _LONGEST:
            continue
        value = _value(match)
        if value is None:
            continue
        if _is_negative(text, start):
            start, value = start - 1, -value
        yield _with_unit(text, start, end, value)


def _value(match: re.Match[str]) -> Fraction | None:
    top, bottom = match["top"], match["bottom"]
    if top is not None:
        return Fraction(int(top), int(bottom)) if int(bottom) else None
    if match["lone"] is not None:
        return Fraction(*_VULGAR[match["lone"]])
    if match["point"] is not None:
        return Fraction("0" + match["point"])
    whole = Fraction(re.sub(r"\D", "", match["whole"]) + (match["decimals"] or ""))
    if match["vulgar"] is not None:
        return whole + Fraction(*_VULGAR[match["vulgar"]])
    if match["power"] is not None:
        return whole * Fraction(10) ** int(match["power"])
    if match["under"] is None:
        return whole
    under = int(match["under"])
    if not under:
        return None
    return whole / under if match["over"] is None else whole + Fraction(int(match["over"]), under)


def _with_unit(text: str, start: int, end: int, value: Fraction) -> Number:
    scale = _SCALE.match(text, end)
    if scale is not None:
        power = _SCALES[scale[1].lower()]
        value, end = value * (12 if power is None else 10**power), scale.end()
    return Number(start, end, value, unit_after(text, end) or unit_before(text, start))


def _in_word(text: str, start: int, end: int) -> bool:
    """Return whether the digits belong to a word: `A4`, `x2`, `v1.2.3`; `5km` and `2nd` do not hide theirs."""
    before, after = text[start - 1 : start], text[end : end + 1]
    continues = before in (".", "/") and text[start - 2 : start - 1].isdigit()
    continues = continues or (text[start] == "." and before.isdigit())
    return before.isalpha() or continues or "_" in (before, after)


def _is_negative(text: str, start: int) -> bool:
    """Return whether the sign before a number is a minus: `x = -3`, `are -3`; not `9-3`, `9 -3`, `A-3`."""
    if start == 0 or text[start - 1] not in _MINUS:
        return False
    before = text[: start - 1]
    last = before.rstrip()[-1:]
    return not (before[-1:].isalnum() or last.isdigit() or last in (")", "]", "%"))
