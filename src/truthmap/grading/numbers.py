"""Numbers in a text: digits, thousands, decimals, fractions, powers of ten, number words, units; exact values."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from truthmap.grading.number_words import is_number_word, spelled_numbers
from truthmap.grading.units import SHARE, Unit, unit_after, unit_before

_BLANKS = " \u00a0\u2009\u202f"
_WHOLE = (
    rf"\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d{{1,3}}(?:[{_BLANKS[1:]}]\d{{3}})+(?!\d)|\d{{1,3}}(?:\.\d{{3}}){{2,}}(?!\d)|\d+"
)
_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}
# The longest run of digits that is read: beyond it a number is no answer, and its value would only cost time.
_LONGEST = 40
_EXPONENT = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"


def _pattern(whole: str, point: str) -> re.Pattern[str]:
    return re.compile(
        rf"""
          \\[dt]?frac\{{\s?(?P<top>\d{{1,{_LONGEST}}})\s?\}}\{{\s?(?P<bottom>\d{{1,{_LONGEST}}})\s?\}}
        | (?P<whole>{whole})(?P<decimals>{point}\d+)?
          (?:(?P<mixed>\s?)(?P<vulgar>[{"".join(_VULGAR)}])
            |(?:[{_BLANKS}](?P<over>\d{{1,4}}))?[/⁄](?P<under>\d{{1,6}})(?!\d|[/.]\d)
            |[eE](?P<power>[+-]?\d{{1,3}})(?!\w)
            |(?:[ ]?(?:×|x|\*|·|\\times|\\cdot)[ ]?10)?
             (?:\^\{{?(?P<raised>[-+−]?\d{{1,3}})\}}?|(?P<superscript>[{_EXPONENT}]{{1,4}})))?
        | (?P<point>\.\d+)
        | (?P<lone>[{"".join(_VULGAR)}])
        """,
        re.VERBOSE,
    )


_NUMBER = _pattern(_WHOLE, r"\.")
# Where the text writes decimal commas, dots and blanks part thousands.
_WHOLE_COMMA = rf"\d{{1,3}}(?:[.{_BLANKS[1:]}]\d{{3}})+(?!\d)|\d+"
_NUMBER_COMMA = _pattern(_WHOLE_COMMA, ",")
_TEN = re.compile(r"(?:×|x|\*|·|\\times|\\cdot)[ ]?10(?:\^|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻])")
_LONE_COMMA = re.compile(r"\W{0,8}\d{1,12},\d{1,12}\W{0,8}")
_HIGHEST_POWER, _HIGHEST_BASE = 60, 10_000
_COMMA_LANGUAGES = frozenset(("de", "fr", "es", "pt", "it", "ru", "tr", "fi", "id"))
_THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")
_SIGN_WORD = re.compile(r"(?:^|[^\w])(minus|negative)[ \u00a0-]?$", re.IGNORECASE)
_JOIN = re.compile(r"[ ,]{0,3}(?:and |y |et |und |e )?[ ]?")
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
        unit_end: One past the last character of that unit, where it follows the number.
    """

    start: int
    end: int
    value: Fraction
    unit: Unit | None = None
    unit_end: int = -1


def find_numbers(text: str, language: str = "en") -> tuple[Number, ...]:
    """Find the numbers of a text in order: `1,234.5`, `3/4`, `-7`, `$3 million`, `12 %`, `twenty-one`, `1.5 × 10^3`.

    A comma separates thousands where three digits follow each; otherwise it separates numbers, unless the text is in a
    language that writes decimals with it, or is nothing but such a number (`1,5`). Digits within a word (`A4`, `x2`)
    are no number. Two numbers of falling units are one (`1 hour and 30 minutes`).

    Args:
        text: The text.
        language: ISO 639-1 code of its language.
    """
    comma = language in _COMMA_LANGUAGES or (_LONE_COMMA.fullmatch(text) is not None and not _THOUSANDS.search(text))
    written = tuple(_written(text, _NUMBER_COMMA if comma else _NUMBER))
    taken = [number.start for number in written]
    spelled = (
        _with_unit(text, start, end, Fraction(value))
        for start, end, value in spelled_numbers(text, language)
        if not _overlaps(written, taken, start, end)
    )
    found = sorted((*written, *spelled), key=lambda number: number.start)
    return tuple(_compounds(text, [_signed(text, number) for number in found]))


def _overlaps(written: tuple[Number, ...], starts: list[int], start: int, end: int) -> bool:
    place = bisect_right(starts, start)
    return (place > 0 and written[place - 1].end > start) or (place < len(starts) and starts[place] < end)


def equal_numbers(said: Number, accepted: Number) -> bool:
    """Return whether a number that is said is an accepted one: in whatever unit, 50 % also as 0.5."""
    value = said_value(said, accepted.unit)
    if value is None:
        return False
    if same_value(value, accepted.value):
        return True
    shares = [number.unit is not None and number.unit.dimension == SHARE for number in (said, accepted)]
    if shares.count(True) != 1 or (said.unit is not None and accepted.unit is not None):
        return False
    return same_value(
        *(number.value / 100 if share else number.value for number, share in zip((said, accepted), shares, strict=True))
    )


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


def _written(text: str, pattern: re.Pattern[str]) -> Iterator[Number]:
    for match in pattern.finditer(text):
        start, end = match.span()
        if _in_word(text, start, end) or end - start > _LONGEST:
            continue
        value = _value(match)
        if value is None:
            continue
        if _is_negative(text, start):
            start, value = start - 1, -value
        yield _with_unit(text, start, end, value)


def _signed(text: str, number: Number) -> Number:
    """Read "minus 3", "negative three": a word that is a sign; in "8 minus 3" it is none."""
    match = _SIGN_WORD.search(text[max(0, number.start - 12) : number.start])
    if match is None:
        return number
    start = number.start - (min(12, number.start) - match.start(1))
    before = text[max(0, start - 20) : start].rstrip()[-1:]
    word = spelled_before(text[max(0, start - 20) : start])
    if before.isdigit() or before in (")", "%") or word:
        return number
    return Number(start, number.end, -number.value, number.unit, number.unit_end)


def spelled_before(text: str) -> bool:
    """Return whether a text ends with a number in words."""
    words = text.split()
    return bool(words) and is_number_word(words[-1].strip(".,;").lower())


def _compounds(text: str, numbers: list[Number]) -> Iterator[Number]:
    """Yield the numbers, those of falling units of one dimension that follow each other as one: `5 feet 11 inches`."""
    held: Number | None = None
    for number in numbers:
        joined = _joined(text, held, number) if held is not None else None
        if joined is None and held is not None:
            yield held
        held = joined or number
    if held is not None:
        yield held


def _joined(text: str, one: Number, other: Number) -> Number | None:
    if one.unit is None or one.unit_end > other.start or _JOIN.fullmatch(text, one.unit_end, other.start) is None:
        return None
    unit = other.unit
    if unit is not None and one.unit.dimension == "time" and text[other.end : other.unit_end].strip() in ("m", "min"):
        unit = Unit("time", Fraction(60))
    if unit is None or unit.dimension != one.unit.dimension or unit.factor >= one.unit.factor:
        return None
    value = one.value + other.value * unit.factor / one.unit.factor
    return Number(one.start, other.end, value, one.unit, other.unit_end)


def _value(match: re.Match[str]) -> Fraction | None:
    top, bottom = match["top"], match["bottom"]
    if top is not None:
        return Fraction(int(top), int(bottom)) if int(bottom) else None
    if match["lone"] is not None:
        return Fraction(*_VULGAR[match["lone"]])
    if match["point"] is not None:
        return Fraction("0" + match["point"])
    whole = Fraction("".join(c for c in match["whole"] if c.isdigit()) + (match["decimals"] or "").replace(",", "."))
    if match["vulgar"] is not None:
        return whole + Fraction(*_VULGAR[match["vulgar"]])
    if match["power"] is not None:
        return whole * Fraction(10) ** int(match["power"])
    if match["raised"] is not None or match["superscript"] is not None:
        return _raised(match, whole)
    if match["under"] is None:
        return whole
    under = int(match["under"])
    if not under:
        return None
    return whole / under if match["over"] is None else whole + Fraction(int(match["over"]), under)


def _raised(match: re.Match[str], base: Fraction) -> Fraction | None:
    """Return `1.5 × 10^3`, `10⁶`, `2^10`; `None` where the value would be too large to be an answer."""
    superscript = "".join(str("⁰¹²³⁴⁵⁶⁷⁸⁹".find(c)) if c != "⁻" else "-" for c in match["superscript"] or "")
    written = (match["raised"] or superscript).replace("−", "-").lstrip("+")
    if not written.lstrip("-").isdigit() or "-" in written[1:]:
        return None
    power = int(written)
    if _TEN.search(match.group()):
        return base * Fraction(10) ** power
    if base == 0 or abs(power) > _HIGHEST_POWER or abs(base) > _HIGHEST_BASE:
        return None
    return base**power


def _with_unit(text: str, start: int, end: int, value: Fraction) -> Number:
    scale = _SCALE.match(text, end)
    if scale is not None:
        power = _SCALES[scale[1].lower()]
        value, end = value * (12 if power is None else 10**power), scale.end()
    unit, unit_end = unit_after(text, end)
    return Number(start, end, value, unit or unit_before(text, start), unit_end)


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
