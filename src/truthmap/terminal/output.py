"""Tables and texts in the terminal: what comes from outside is shown as text, never as markup or control."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from truthmap.text import cut, sanitize


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a title and a table under it: the first column to the left, the others to the right.

    Where no column has a name, the rows are facts: what and which, both to the left, without a head.

    A table is never squeezed: one wider than the terminal runs over, so that no number is cut.
    """
    named = any(columns)
    table = Table(box=box.SIMPLE_HEAD if named else None, pad_edge=False, show_header=named)
    for n, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if n and named else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    console.print(Text(title, style="bold"), soft_wrap=True)
    natural = console.measure(table, options=console.options.update(width=1000)).maximum
    Console(width=max(console.width, natural)).print(table)
    if not named:
        console.print()


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
