"""Dates in a text, in whatever order they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MONTHS = (
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
)
_BY_NAME = {name: month for names in _MONTHS for month, name in enumerate(names.split(), start=1)} | {"sept": 9}
_NAME = "|".join(sorted(_BY_NAME, key=len, reverse=True))
_DAY = r"(?P<{0}>\d{{1,2}})(?:st|nd|rd|th|\.|er|º)?"
_YEAR = r"(?P<{0}>\d{{3,4}})(?!\d)"
_DATE = re.compile(
    rf"(?<![\w.])(?:{_DAY.format('d1')}[ ]?(?:of |de |)(?P<m1>{_NAME})\b\.?"
    rf"(?:,? (?:of |de |del |)?{_YEAR.format('y1')})?"
    rf"|(?P<m2>{_NAME})\b\.? (?:the )?{_DAY.format('d2')}(?!\d)(?:,? {_YEAR.format('y2')})?"
    rf"|(?P<y3>\d{{4}})[-/.](?P<m3>\d{{1,2}})[-/.](?P<d3>\d{{1,2}})(?!\d)"
    rf"|(?P<d4>\d{{1,2}})[/.](?P<m4>\d{{1,2}})[/.](?P<y4>\d{{4}})(?!\d)"
    r"|(?P<y5>\d{3,4})年(?P<m5>\d{1,2})月(?P<d5>\d{1,2})日)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Date:
    """A date in a text, in characters `[start, end)`; the year is 0 where none is given.

    Attributes:
        start: First character.
        end: One past the last.
        year, month, day: The date.
        year_start, year_end: Where the year stands; equal where there is none.
    """

    start: int
    end: int
    year: int
    month: int
    day: int
    year_start: int
    year_end: int

    @property
    def written(self) -> str:
        """The date in its one spelling, `1776-07-04`; `07-04` without a year."""
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}" if self.year else f"{self.month:02d}-{self.day:02d}"


def find_dates(text: str) -> Iterator[Date]:
    """Yield the dates of a text: `July 4, 1776`, `4th of July 1776`, `1776-07-04`, `4/7/1776` (day first)."""
    for match in _DATE.finditer(text):
        kind = next(number for number in "12345" if match[f"d{number}"] is not None)
        year = match[f"y{kind}"]
        month = match[f"m{kind}"]
        value = _BY_NAME.get(month.lower()) if not month.isdigit() else int(month)
        day = int(match[f"d{kind}"])
        if value is not None and value > 12 >= day and kind == "4":
            value, day = day, value
        if value is None or not (1 <= value <= 12 and 1 <= day <= 31):
            continue
        low, high = match.span(f"y{kind}") if year is not None else (match.end(), match.end())
        yield Date(match.start(), match.end(), int(year or 0), value, day, low, high)


def same_date(one: Date, other: Date) -> bool:
    """Return whether two dates are the same day; a missing year is no difference. 4/7/1776 is either order."""
    years = not one.year or not other.year or one.year == other.year
    return years and (one.month, one.day) == (other.month, other.day)
