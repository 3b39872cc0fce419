"""Tables that fit a terminal: headings wrap first, then cells, and what still does not fit is shown row by row.

Only blanks are broken at, and none within an interval `[low, high]`: a name to copy, a path or a number stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

_PIECE = re.compile(r"\S*\[[^\[\]\n]{0,40}\]\S*|\S+")
_GAP = 2
_INDENT = "  "

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class FittedTable:
    """A table whose cells were broken into lines so that it fits.

    Attributes:
        head: Lines of each column's heading; empty where no column has one.
        rows: Lines of each cell.
        widths: Of the columns, in characters of the terminal.
    """

    head: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[tuple[str, ...], ...], ...]
    widths: tuple[int, ...]

    def lines(self, left: Sequence[bool]) -> list[str]:
        """Return the table's lines, a rule under its head; columns that are not `left` are set to the right."""
        found: list[str] = []
        if self.head:
            found += self._row(self.head, left, at_bottom=True)
            found.append((" " * _GAP).join("─" * width for width in self.widths))
        tall = any(len(cell) > 1 for row in self.rows for cell in row[1:])
        for number, row in enumerate(self.rows):
            found += [""] if tall and number and self.head else []
            found += self._row(row, left, at_bottom=False)
        return [line.rstrip() for line in found]

    def _row(self, cells: Sequence[Sequence[str]], left: Sequence[bool], *, at_bottom: bool) -> list[str]:
        height = max(map(len, cells))
        columns = []
        for cell, width, to_left in zip(cells, self.widths, left, strict=True):
            blank = [""] * (height - len(cell))
            shown = [*blank, *cell] if at_bottom else [*cell, *blank]
            columns.append([_padded(line, width, to_left=to_left) for line in shown])
        return [(" " * _GAP).join(parts) for parts in zip(*columns, strict=True)]


def fit_table(columns: Sequence[str], rows: Rows, width: int) -> FittedTable | None:
    """Break headings and cells into lines so that a table is no wider than `width`; `None` where that cannot be done.

    Args:
        columns: Headings; a line end in one, or in a cell, is kept. Where none is named, the rows are facts:
            the table has no head, and always fits but for words that are longer than a line.
        rows: Cells, as many in each row as there are columns.
        width: The terminal's, in characters.
    """
    room = width - _GAP * (len(columns) - 1)
    bodies = [[row[n] for row in rows] for n in range(len(columns))]
    natural = [max([_width(head), *map(_width, body)]) for head, body in zip(columns, bodies, strict=True)]
    body = [max([_longest(head), *map(_width, body)]) for head, body in zip(columns, bodies, strict=True)]
    least = [max([_longest(head), *map(_longest, body)]) for head, body in zip(columns, bodies, strict=True)]
    if sum(least) > room and any(columns):
        return None
    # Of facts a word that is longer than the line runs over it: a path to copy stays in one piece.
    least = least if any(columns) else [natural[0], *(min(each, max(room - natural[0], 1)) for each in least[1:])]
    widths = natural if sum(natural) <= room else _narrowed(natural, body, room)
    widths = widths if sum(widths) <= room else _narrowed(widths, least, room)
    return FittedTable(
        tuple(_wrapped(head, w) for head, w in zip(columns, widths, strict=True)) if any(columns) else (),
        tuple(tuple(_wrapped(cell, w) for cell, w in zip(row, widths, strict=True)) for row in rows),
        tuple(widths),
    )


def row_by_row(columns: Sequence[str], rows: Rows, width: int) -> list[str]:
    """Return a table that is too wide as blocks: the first cell, and under it each other with its heading."""
    lines: list[str] = []
    for first, *others in rows:
        lines += _wrapped(first, width)
        line = ""
        for head, cell in zip(columns[1:], others, strict=True):
            shown = ", ".join(cell.split("\n"))
            piece = f"{head}: {shown}" if head else shown
            joined = f"{line}; {piece}" if line else f"{_INDENT}{piece}"
            if line and cell_len(joined) >= width:
                lines.append(f"{line};")
                joined = f"{_INDENT}{piece}"
            line = joined
        lines += _wrapped(line, width) if line else ()
    return lines


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Take from the widest columns, none below its least, until all fit or nothing is left to take."""
    found = list(widths)
    while sum(found) > room:
        spare = [n for n in range(len(found)) if found[n] > least[n]]
        if not spare:
            break
        found[max(spare, key=lambda n: found[n])] -= 1
    return found


def _wrapped(text: str, width: int) -> tuple[str, ...]:
    return tuple(line for own in text.split("\n") for line in _wrapped_line(own, width))


def _wrapped_line(text: str, width: int) -> tuple[str, ...]:
    if cell_len(text) <= width:
        return (text,)
    indent = text[: len(text) - len(text.lstrip(" "))]
    lines: list[str] = []
    for piece in _PIECE.findall(text):
        joined = f"{lines[-1]} {piece}" if lines else f"{indent}{piece}"
        if lines and cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(joined if not lines else piece)
    return tuple(lines)


def _width(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _longest(text: str) -> int:
    """Return the width of the longest piece that stays whole, the indent counted."""
    indent = len(text) - len(text.lstrip(" "))
    return indent + max(map(cell_len, _PIECE.findall(text)), default=0)


def _padded(text: str, width: int, *, to_left: bool) -> str:
    blanks = " " * max(0, width - cell_len(text))
    return text + blanks if to_left else blanks + text
