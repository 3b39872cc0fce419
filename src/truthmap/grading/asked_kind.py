"""Which kind of number a question asks for: a year, an age, a sum of money."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.reading import Reading
from truthmap.grading.said_number import Said
from truthmap.grading.tokens import words_of

_YEAR = frozenset(("year", "jahr", "année", "annee", "año", "ano", "anno", "год", "году", "年"))
_DATE = frozenset(("when", "date", "wann", "quand", "cuando", "quando", "когда"))
_AGE = frozenset(("old", "age", "aged"))
_PRICE = frozenset(("much", "cost", "price"))
_AGE_UNITS = ("months", "time")
_MONEY_UNITS = ("dollars", "euros", "sterling", "yen", "rupees")


def asks_year(question: str) -> bool:
    """Return whether a question asks for a year."""
    return not _YEAR.isdisjoint(words_of(question))


def of_asked_kind(reading: Reading, items: Sequence[Said], question: str) -> Said:
    """Return the first of the kind that the question asks for: a year, an age, a sum of money; else the first."""
    words = words_of(question)
    if not (_YEAR | _DATE).isdisjoint(words):
        return ([item for item in items if item.date is not None or _is_year(item)] or list(items))[0]
    if not _AGE.isdisjoint(words):
        plain = [item for item in items if not _is_year(item)]
        return (_measured_in(_AGE_UNITS, items) or plain or list(items))[0]
    if not _PRICE.isdisjoint(words):
        return (_measured_in(_MONEY_UNITS, items) or list(items))[0]
    counted = [
        item
        for item in items
        if not _is_year(item) or not reading.text[: item.start].rstrip().endswith(("in", "of", "since", "by", "In"))
    ]
    return (counted or list(items))[0]


def _measured_in(dimensions: Sequence[str], items: Sequence[Said]) -> list[Said]:
    return [
        item
        for item in items
        if item.number is not None and item.number.unit is not None and item.number.unit.dimension in dimensions
    ]


def _is_year(said: Said) -> bool:
    if said.number is None or said.end - said.start != 4:
        return False
    value = said.number.value
    return value.denominator == 1 and 1000 <= value <= 2100
