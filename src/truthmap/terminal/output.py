"""Tables and texts in the terminal: what comes from outside is shown as text, never as markup or control."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from truthmap.terminal.tables import fit_table, row_by_row
from truthmap.text import cut, sanitize


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a title and a table under it: the first column to the left, the others to the right.

    Where no column has a name, the rows are facts: what and which, both to the left, without a head.

    A table fits the terminal: its headings and cells are broken at blanks, and one that does not fit even so is shown
    row by row. No name, number or interval is broken or cut.
    """
    kept = [[printable_cell(cell) for cell in row] for row in rows]
    console = Console()
    fitted = fit_table(columns, kept, console.width)
    lines = row_by_row(columns, kept, console.width) if fitted is None else fitted.lines(_left(columns, kept))
    if title:
        console.print(Text(title, style="bold"), soft_wrap=True)
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    console.print()


def _left(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bool]:
    """Say which columns are set to the left: the first, facts, and those that hold words."""
    named = any(columns)
    return [not n or not named or any(_is_words(row[n]) for row in rows) for n in range(len(columns))]


def _is_words(cell: str) -> bool:
    return sum(word.isalpha() for word in cell.split()) > 2


def printable_cell(text: str) -> str:
    """Return a cell's text in one line, its indent kept."""
    return " " * (len(text) - len(text.lstrip(" "))) + printable(text)


def print_tables(tables: Iterable[tuple[str, Sequence[str], Iterable[Sequence[str]]]]) -> None:
    """Print tables, each its title, columns and rows, one under the other."""
    for title, columns, rows in tables:
        print_table(title, columns, rows)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of text."""
    console = Console()
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def printable(text: str, longest: int | None = None) -> str:
    r"""Return a text in one line in which nothing moves the cursor or changes a colour; a long one is cut.

    >>> printable("a\x1b[31mb\nc")
    'a�[31mb c'
    """
    line = sanitize(" ".join(text.split()))
    return line if longest is None else cut(line, longest)


def plain(text: str, longest: int | None = None) -> Text:
    """Return a text for rich, as it is: square brackets in it are no markup."""
    return Text(printable(text, longest))
