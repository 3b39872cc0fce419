"""Rows of a CSV file, read as a stream; after a row with quotes gone wrong reading goes on at the next line."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from truthmap.errors import QuestionsError
from truthmap.questions.columns import require_distinct
from truthmap.questions.line_reader import text_lines
from truthmap.questions.validation import IssueKind, RowIssue

LONGEST_FIELD = 1_000_000
"""Characters in a field."""
_MOST_BROKEN = 1000
"""Rows with quotes gone wrong; each costs a second look at what follows it, so a file with more is given up."""

CsvRow = tuple[int, dict[str, str]]


def read_csv(path: Path) -> Iterator[CsvRow | RowIssue]:
    """Yield line and fields of each row of a CSV file with a header (`.tsv`: tabs; semicolons are recognised).

    Raises:
        QuestionsError: there is no usable header, or more than 1,000 rows have quotes gone wrong.
    """
    tape = _RewindableLines(text_lines(path))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(tape)
    header: list[str] | None = None
    broken = 0
    for row in _records(tape, delimiter):
        if isinstance(row, RowIssue):
            if header is None:
                raise QuestionsError(f"{path} has no usable header: {row}")
            broken += row.kind is IssueKind.QUOTES
            if broken > _MOST_BROKEN:
                raise QuestionsError(f"{path}: more than {_MOST_BROKEN:,} rows have quotes gone wrong; is it CSV?")
            yield row
        elif header is None:
            header = _header(path, row[1])
        elif len(row[1]) != len(header):
            what = f"{len(row[1])} fields, but the header has {len(header)}"
            yield RowIssue(row[0], None, IssueKind.FIELDS, what)
        else:
            yield row[0], dict(zip(header, row[1], strict=True))
    if header is None:
        raise QuestionsError(f"{path} is empty: expected a header that names the columns")


def _header(path: Path, fields: list[str]) -> list[str]:
    # A column without a name, such as the index that pandas writes, is kept under its number.
    names = [field.strip() or f"column {number}" for number, field in enumerate(fields, start=1)]
    require_distinct(names, str(path))
    return names


class _UnreadableLineError(Exception):
    def __init__(self, issue: RowIssue) -> None:
        super().__init__(str(issue))
        self.issue = issue


class _RewindableLines:
    """Lines that can be wound back to the second line of the record that is being read."""

    def __init__(self, lines: Iterator[str | RowIssue]) -> None:
        self._lines = lines
        self._ahead: deque[str | RowIssue] = deque()
        self._since: list[str | RowIssue] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._lines)
        self.number += 1
        self._since.append(line)
        if isinstance(line, RowIssue):
            raise _UnreadableLineError(line)
        return line

    def mark(self) -> None:
        """Begin a record."""
        self._since.clear()

    def rewind(self) -> None:
        """Go back to the line after the one at which the record began."""
        self._ahead.extendleft(reversed(self._since[1:]))
        self.number -= len(self._since) - 1
        self._since.clear()

    def first(self) -> str:
        """Look at the first line without reading it."""
        line = next(self._lines, "")
        if line:
            self._ahead.append(line)
        return line if isinstance(line, str) else ""


def _records(tape: _RewindableLines, delimiter: str) -> Iterator[tuple[int, list[str]] | RowIssue]:
    reader = csv.reader(tape, delimiter=delimiter, strict=True)
    while True:
        tape.mark()
        start = tape.number + 1
        try:
            fields = _next_record(reader)
        except _UnreadableLineError as error:
            yield error.issue
            reader = csv.reader(tape, delimiter=delimiter, strict=True)
        except csv.Error as error:
            too_long = "field limit" in str(error)
            kind = IssueKind.TOO_LONG if too_long else IssueKind.QUOTES
            what = (
                f"a field is longer than {LONGEST_FIELD:,} characters" if too_long else f"quotes gone wrong ({error})"
            )
            yield RowIssue(start, None, kind, what)
            tape.rewind()
            reader = csv.reader(tape, delimiter=delimiter, strict=True)
        else:
            if fields is None:
                return
            if fields:
                yield start, fields


def _next_record(reader: Iterator[list[str]]) -> list[str] | None:
    """Read a record with this module's limit; the limit that the program had comes back."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def _delimiter(tape: _RewindableLines) -> str:
    first = tape.first()
    return ";" if ";" in first and "," not in first else ","
