"""All that goes to the terminal goes through here: what comes from outside is text, never markup or control.

`scripts/check_output.py` sees to it that nobody writes to the terminal in another way.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from truthmap.errors import StorageError
from truthmap.terminal.tables import fit_table, row_by_row
from truthmap.text import cut, sanitize


class SafeConsole(Console):
    """A terminal that shows text: whatever it is given, no character of it moves the cursor or changes a colour."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is written; styles and rich's own cursor movements are all that is not text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(sanitize(segment.text), segment.style)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, as rich does.

        Raises:
            StorageError: the output cannot be written, as where it goes to a disk that is full.
        """
        try:
            super().print(*objects, **options)
        except OSError as error:
            raise _unwritable(error) from error


def terminal(*, stderr: bool = False, width: int | None = None) -> SafeConsole:
    """Return the terminal, to print rich's texts and tables on.

    Args:
        stderr: Standard error, for news on the way; standard output is for results.
        width: Columns; by default as many as there are.
    """
    return SafeConsole(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a title and a table under it: the first column to the left, the others to the right.

    Where no column has a name, the rows are facts: what and which, both to the left, without a head.

    A table fits the terminal: its headings and cells are broken at blanks, and one that does not fit even so is shown
    row by row. No name, number or interval is broken or cut.
    """
    kept = [[printable_cell(cell) for cell in row] for row in rows]
    console = terminal()
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
    """Return a cell's text, its indent and its own line ends kept, but for blank lines at its end."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return indent + "\n".join(printable(line) for line in text.rstrip("\n").split("\n"))


def print_tables(tables: Iterable[tuple[str, Sequence[str], Iterable[Sequence[str]]]]) -> None:
    """Print tables, each its title, columns and rows, one under the other."""
    for title, columns, rows in tables:
        print_table(title, columns, rows)


def print_lines(lines: Iterable[str], *, stderr: bool = False) -> None:
    """Print lines of text, however long, each in one piece."""
    console = terminal(stderr=stderr)
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def print_pieces(pieces: Iterable[tuple[str, str]]) -> None:
    """Print one text in pieces, each with its style as rich names it; without colours, the text alone."""
    text = Text()
    for piece, style in pieces:
        text.append(piece, style)
    terminal().print(text, soft_wrap=True)


def print_json(content: Any) -> None:
    """Print something as one line of JSON; characters that cannot be seen are written by their numbers."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    print_lines([sanitize(text, kept="", instead=lambda character: json.dumps(character)[1:-1])])


def write_any_text() -> None:
    """Let standard output and error take any character: what their encoding lacks is written by its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what is still on its way to standard output.

    Raises:
        StorageError: it cannot be written, as where the output goes to a disk that is full.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> StorageError:
    # Python would try again at its end, and complain in its own way.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return StorageError(f"the output cannot be written: {error.strerror}; send it elsewhere")


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
