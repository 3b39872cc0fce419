"""Lines of a UTF-8 text file, one at a time, each of bounded length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from truthmap.errors import QuestionsError
from truthmap.questions.validation import IssueKind, RowIssue

LONGEST_LINE = 16 << 20
"""Bytes in a line; the rest of a longer one is passed over."""
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def text_lines(path: Path) -> Iterator[str | RowIssue]:
    """Yield the lines of a file with their ends, or an issue in the place of a line that cannot be read.

    Raises:
        QuestionsError: the file is in UTF-16 or cannot be opened, or is no file but a folder, a pipe or a device.
    """
    try:
        if path.exists() and not path.is_file():
            raise QuestionsError(f"{path} is no file; name one")
        with path.open("rb") as file:
            yield from _lines(path, file)
    except OSError as error:
        raise QuestionsError(f"{path} cannot be read: {error.strerror}") from error


def _lines(path: Path, file: BinaryIO) -> Iterator[str | RowIssue]:
    for name, encoding in _OTHER_BOMS:
        if file.peek(2)[:2] == name:  # type: ignore[attr-defined]
            raise QuestionsError(f"{path} is {encoding}, expected UTF-8; save it as UTF-8")
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            _pass_over_line(file)
            yield RowIssue(number, None, IssueKind.TOO_LONG, f"the line is longer than {LONGEST_LINE:,} bytes")
            continue
        try:
            yield (line.removeprefix(_BOM) if number == 1 else line).decode("utf-8")
        except UnicodeDecodeError as error:
            what = f"byte 0x{line[error.start]:02x} at place {error.start + 1} of the line is not UTF-8"
            yield RowIssue(number, None, IssueKind.NOT_UTF8, what)


def _pass_over_line(file: BinaryIO) -> None:
    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
        pass
