"""All that goes to the terminal goes through here: what comes from outside is text, never markup or control.

`scripts/check_output.py` sees to it that nobody writes to the terminal in another way.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from io import TextIOWrapper
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from truthmap.errors import StorageError, UsageError
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.mode import output_mode
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
            raise _unwritable(error, sys.stderr if self.stderr else sys.stdout) from error

    def on_broken_pipe(self) -> None:
        """End where nobody reads the results any more; news that nobody reads ends nothing."""
        if not self.stderr:
            raise _no_reader(sys.stdout)
        _silence(sys.stderr)


def terminal(*, stderr: bool = False, width: int | None = None, quiet: bool | None = None) -> SafeConsole:
    """Return the terminal, to print rich's texts and tables on.

    Args:
        stderr: Standard error, for news on the way; standard output is for results.
        width: Columns; by default as many as there are.
        quiet: Show nothing; by default news is not shown with --quiet.
    """
    mode = output_mode()
    hushed = stderr and mode.quiet if quiet is None else quiet
    return SafeConsole(
        stderr=stderr,
        width=width,
        quiet=hushed,
        color_system="auto" if mode.color else None,
        markup=False,
        highlight=False,
        emoji=False,
    )


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


def print_findings(
    tables: Iterable[tuple[str, Sequence[str], Iterable[Sequence[str]]]], lines: Iterable[str] = ()
) -> None:
    """Print tables, as `print_tables` does, and lines under them."""
    print_tables(tables)
    print_lines(lines)


def print_lines(lines: Iterable[str], *, stderr: bool = False) -> None:
    """Print lines of text, however long, each in one piece."""
    _print_each(terminal(stderr=stderr), lines)


def print_fault(text: str) -> None:
    """Print a line that says what cannot be done on standard error, even where no news is wanted."""
    with suppress(OSError):  # nobody may be there to read it
        _print_each(terminal(stderr=True, quiet=False), [text])


def _print_each(console: SafeConsole, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def print_pieces(pieces: Iterable[tuple[str, str]]) -> None:
    """Print one text in pieces, each with its style as rich names it; without colours, the text alone."""
    text = Text()
    for piece, style in pieces:
        text.append(piece, style)
    terminal().print(text, soft_wrap=True)


_STDOUT = 1
"""The descriptor that libraries below Python and other processes take for standard output."""


class _Documents:
    """The documents of JSON that this process has written, and where they go while all else goes elsewhere."""

    def __init__(self) -> None:
        self.count = 0
        self.file: TextIO | None = None


_documents = _Documents()


def print_json(content: Any) -> None:
    """Print something as one line of JSON; characters that cannot be seen are written by their numbers.

    Raises:
        StorageError: the output cannot be written.
    """
    file = _documents.file or sys.stdout
    is_utf8 = (file.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(content, ensure_ascii=not is_utf8, allow_nan=False)
    _documents.count += 1
    try:
        file.write(sanitize(text, kept="", instead=lambda character: json.dumps(character)[1:-1]) + "\n")
        file.flush()
    except OSError as error:
        raise _unwritable(error, file) from error


def json_documents() -> int:
    """Return how many documents of JSON this process has printed."""
    return _documents.count


@contextmanager
def only_documents() -> Iterator[None]:
    """Keep standard output for documents of JSON: whatever else is written there meanwhile goes to standard error.

    So does what libraries below Python and other processes write, where standard output is a file or a pipe.
    """
    sys.stdout.flush()
    with _other_descriptor(sys.stdout) as documents, redirect_stdout(sys.stderr):
        before, _documents.file = _documents.file, documents
        try:
            yield
        finally:
            _documents.file = before


@contextmanager
def _other_descriptor(out: TextIO) -> Iterator[TextIO]:
    """Let the descriptors of standard output lead to standard error; give what writes to where they led."""
    try:
        own, error = out.fileno(), sys.stderr.fileno()
        kept = {number: os.dup(number) for number in {_STDOUT, own}}
    except (OSError, ValueError, AttributeError):  # something stands for the terminal, as in a notebook
        yield out
        return
    for number in kept:
        os.dup2(error, number)
    try:
        with open(kept[own], "w", encoding=out.encoding, errors=out.errors, closefd=False) as documents:
            yield documents
    finally:
        for number, before in kept.items():
            os.dup2(before, number)
            os.close(before)


def confirmed(question: str, yes: str) -> bool:
    """Ask on the terminal whether to go on.

    Args:
        question: What is asked.
        yes: The option that says so on the command line.

    Raises:
        UsageError: nobody is there to be asked.
    """
    if not (sys.stdin is not None and sys.stdin.isatty()) or output_mode().as_json:
        raise UsageError(f"nobody can be asked whether to go on: add {yes} if that is what you want")
    console = terminal(stderr=True, quiet=False)
    console.print(Text(f"{question} [y/N] "), end="")
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


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
        raise _unwritable(error, sys.stdout) from error


def _unwritable(error: OSError, file: TextIO) -> StorageError | SystemExit:
    if error.errno == errno.EPIPE:
        return _no_reader(file)
    _silence(file)
    return StorageError(f"the output cannot be written: {error.strerror}; send it elsewhere")


def _no_reader(file: TextIO) -> SystemExit:
    """Return the end of a command whose results nobody reads any more: nothing is wrong, so nothing is said."""
    _silence(file)
    return SystemExit(int(ExitCode.NO_READER))


def _silence(file: TextIO) -> None:
    """Let nothing more be written there: Python would try again at its end, and complain in its own way."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


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
