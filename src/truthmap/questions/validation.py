"""What can be wrong with a row of a question file, and the report that counts it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from truthmap.questions.log_facts import LogFacts
from truthmap.shown import ShortRepr

KEPT_ISSUES = 1000
"""Issues that a report lists; the others are only counted."""
_IN_MESSAGE = 5


class IssueKind(StrEnum):
    """What is wrong with a row."""

    NOT_UTF8 = "not UTF-8"
    QUOTES = "quotes gone wrong"
    FIELDS = "another number of fields than the header"
    JSON = "not a JSON object"
    MISSING = "no value"
    EMPTY = "empty"
    TOO_LONG = "too long"
    VALUE = "a value that is not understood"
    DUPLICATE = "an id that came before"


@dataclass(frozen=True, slots=True)
class RowIssue:
    """What is wrong with one row.

    Attributes:
        line: Its line in the file (the line where the row begins), or its number in a table; the first is 1.
        column: The column it is in; `None`: the row as a whole.
        kind: What is wrong.
        what: One line for a reader.
    """

    line: int
    column: str | None
    kind: IssueKind
    what: str

    def __str__(self) -> str:
        return f"line {self.line}{'' if self.column is None else f', column {self.column}'}: {self.what}"


class BadRowError(Exception):
    """A row makes no question; caught where rows are read."""

    def __init__(self, column: str | None, kind: IssueKind, what: str) -> None:
        super().__init__(what)
        self.column, self.kind, self.what = column, kind, what


@dataclass(repr=False)
class ValidationReport(ShortRepr):
    """What reading a file found.

    Attributes:
        rows: Rows read, the bad ones included.
        left_out: Rows that are sound but make no question of this set (one without a short answer).
        rules: Grading rule → questions that it goes with, for a user's file.
        counts: Bad rows by kind.
        issues: The first 1,000 of the issues.
        log: What was taken from the log of an evaluation tool; `None` for a question file.
    """

    rows: int = 0
    left_out: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    counts: Counter[IssueKind] = field(default_factory=Counter)
    issues: list[RowIssue] = field(default_factory=list)
    log: LogFacts | None = None

    def add(self, issue: RowIssue) -> None:
        """Count an issue."""
        self.counts[issue.kind] += 1
        if len(self.issues) < KEPT_ISSUES:
            self.issues.append(issue)

    @property
    def bad(self) -> int:
        """How many rows make no question because something is wrong with them."""
        return self.counts.total()

    def counted(self) -> str:
        """Return the counts by kind in words: `2 empty, 1 not UTF-8`."""
        return ", ".join(f"{count:,} {kind}" for kind, count in self.counts.most_common())

    def message(self, name: str) -> str:
        """Return one line that says what is wrong, where, and what to do."""
        shown = "; ".join(map(str, self.issues[:_IN_MESSAGE]))
        more = f"; and {self.bad - _IN_MESSAGE:,} more" if self.bad > _IN_MESSAGE else ""
        return (
            f"{name}: {self.bad:,} of {self.rows:,} rows make no question ({self.counted()}): {shown}{more}. "
            f"Mend them, or go on without them: --skip-bad. `truthmap questions {name}` lists them all"
        )
