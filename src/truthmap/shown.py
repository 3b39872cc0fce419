"""How things show themselves: in one short line where they are printed, as tables in a notebook.

All that is shown is text, whatever it holds: nothing of it is markup, moves a cursor or changes a colour. What a
notebook gets takes its colours from the page around it, dark or light, and brings no script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

from truthmap.text import cut, sanitize

LONGEST = 160
"""Characters of a line that shows a thing."""

_LONGEST_VALUE = 48
_FEW = 3  # entries that are named one by one
_LEFT = "text-align:left"
_IN_ONE_LINE = 24  # characters of a cell that are not broken into lines

TextTable = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""A title, columns and rows of text; where no column has a name, the rows are facts: what and which."""


class ShortRepr:
    """Has a `repr` of one short line: its fields, arrays by their shapes, what is long by its length."""

    __slots__ = ()

    def _line(self) -> str:
        """Return what stands between the brackets."""
        return ", ".join(f"{name}={short(value)}" for name, value in _fields_of(self))

    def __repr__(self) -> str:
        return short_line(type(self).__name__, self._line())

    def __str__(self) -> str:
        return repr(self)


class Shown(ShortRepr):
    """Has that, and shows itself in a notebook as small tables."""

    __slots__ = ()

    def _tables(self) -> Sequence[TextTable]:
        """Return what a notebook shows."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return tables_html(self._tables())


def short_line(name: str, content: str) -> str:
    """Return `name(content)` in one line of at most `LONGEST` characters."""
    return f"{name}({cut(one_line(content), LONGEST - len(name) - 2)})"


def short(value: Any) -> str:
    """Return a value in a few characters: an array by its shape, a long sequence by its length.

    >>> short("a" * 100), short([1, 2]), short(range(9)), short({"a": 1})
    ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…'", '[1, 2]', '<9>', '<1>')
    """
    if hasattr(value, "dtype") and hasattr(value, "shape") and len(value.shape):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, str):
        return repr(cut(value, _LONGEST_VALUE))
    if isinstance(value, Mapping | Set) or (isinstance(value, Sequence) and not _is_short(value)):
        return f"<{len(value)}>"
    return cut(one_line(repr(value)), _LONGEST_VALUE)


def _is_short(values: Sequence[Any]) -> bool:
    return len(values) <= _FEW and all(isinstance(value, int | float | str) for value in values)


def _fields_of(thing: Any) -> list[tuple[str, Any]]:
    if is_dataclass(thing):
        return [(field.name, getattr(thing, field.name)) for field in fields(thing) if field.repr]
    return [(name, getattr(thing, name)) for name in type(thing).model_fields]


def one_line(text: str) -> str:
    """Return a text in one line, nothing of it hidden."""
    return sanitize(" ".join(text.split()), with_formats=True)


def facts_html(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return facts as an HTML table under a title; texts are text, whatever they hold."""
    return tables_html([(title, ("", ""), facts)])


def tables_html(tables: Sequence[TextTable]) -> str:
    """Return tables as HTML, one under the other; texts are text, whatever they hold."""
    return "".join(_table_html(*table) for table in tables)


def _table_html(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    caption = f"<caption style='{_LEFT};caption-side:top'><b>{html_text(title)}</b></caption>" if title else ""
    named = any(columns)
    head = f"<tr>{''.join(_cell('th', name) for name in columns)}</tr>" if named else ""
    body = (f"{_cell('th', first)}{''.join(_cell('td', cell) for cell in rest)}" for first, *rest in rows)
    return f"<table>{caption}{head}{''.join(f'<tr>{row}</tr>' for row in body)}</table>"


def _cell(kind: str, text: str) -> str:
    # A number with its interval stays in one line: a browser would break 4e-07 at its hyphen.
    space = "pre" if len(text) <= _IN_ONE_LINE else "pre-wrap"
    return f"<{kind} style='{_LEFT};white-space:{space}'>{html_text(text)}</{kind}>"


def html_text(text: str) -> str:
    """Return a text escaped for HTML, nothing of it hidden, reordered or markup."""
    return escape(sanitize(text, with_formats=True))


MOST_CELLS = 1500
"""Cells of a map that a notebook shows; more would make its file large, and `plot` draws them all."""

_BLUE, _ORANGE = "33,113,181", "217,95,2"


def shade(share: float) -> str:
    """Return the style of a shaded place: from orange at -1 over nothing at 0 to blue at 1, on light and on dark pages.

    >>> shade(1.0), shade(-0.5)
    ('background:rgba(33,113,181,0.75)', 'background:rgba(217,95,2,0.38)')
    """
    kept = max(-1.0, min(1.0, share))
    return f"background:rgba({_BLUE if kept >= 0 else _ORANGE},{0.75 * abs(kept):.2f})"


def map_html(auc: Sequence[Sequence[float]], columns: Sequence[str]) -> str:
    """Return a map as an HTML table without text but its axes: blue at an AUC of 1, nothing at 0.5 or where it is NaN.

    Args:
        auc: (L, P).
        columns: Names of the P columns.

    Returns:
        HTML; nothing of a map with more than `MOST_CELLS` cells.
    """
    if len(auc) * len(columns) > MOST_CELLS:
        return ""
    upright = "writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;font-weight:normal"
    head = "".join(f"<th style='{upright}'>{html_text(name)}</th>" for name in columns)
    rows = [
        f"<tr><th style='padding:0 4px'>{layer if layer % 2 == 0 else ''}</th>"
        + "".join(_map_cell(f"layer {layer}, {name}", v) for name, v in zip(columns, row, strict=True))
        + "</tr>"
        for layer, row in enumerate(auc)
    ]
    return f"<table style='border-collapse:collapse;line-height:1'><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _map_cell(name: str, auc: float) -> str:
    known = auc == auc  # NaN differs from itself
    told = f"{name}: {f'AUC {auc:.3f}' if known else 'too few answers'}"
    look = shade(2 * auc - 1) if known else "background:none"
    return f"<td style='{look};width:18px;height:9px;padding:0' title='{html_text(told)}'></td>"
