"""Several files as one set of questions, joined by id: what was asked, what came back, what is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.questions.columns import CONVENTIONAL, Columns
from truthmap.questions.logs.base import first_named
from truthmap.questions.logs.reading import log_questions
from truthmap.questions.readers import Row, read_rows
from truthmap.questions.validation import BadRowError, RowIssue

MOST_JOINED = 1_000_000
"""Rows of a file that is joined to another: they are held in memory."""


@dataclass(frozen=True)
class _Source:
    """A file whose rows are fields of questions: field → what it was taken from, and what makes a row's fields."""

    path: Path
    became: Mapping[str, str]
    fields: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]

    @classmethod
    def of(cls, path: Path, columns: Columns) -> _Source:
        first = next((row for row in read_rows(path) if isinstance(row, Row)), None)
        if first is None:
            raise QuestionsError(f"{path} holds no rows")
        log = log_questions(first.values, columns, str(path))
        if log is not None:
            source = cls(path, log.facts.became, log.fields)
        else:
            named = {field: first_named(first.values, names) for field, names in CONVENTIONAL.items()}
            kept = {field: name for field, name in named.items() if name is not None}
            source = cls(path, kept, lambda values: {field: values.get(name) for field, name in kept.items()})
        if "id" not in source.became:
            raise QuestionsError(f"{path} has no ids (id, question_id, qid or custom_id), by which files are joined")
        return source


def joined_rows(path: Path, joined: Sequence[Path], columns: Columns) -> Iterator[Row | RowIssue]:
    """Yield the rows of a file, what they lack filled in from the rows of the others with the same id.

    Their columns are the usual names of a question file.

    Raises:
        QuestionsError: a file has no ids, has an id twice, or too many rows to be held.
    """
    main = _Source.of(path, columns)
    others = [_index(_Source.of(other, Columns())) for other in joined]
    for row in read_rows(path):
        if isinstance(row, RowIssue):
            yield row
            continue
        try:
            found = main.fields(row.values)
        except BadRowError as error:
            yield RowIssue(row.line, error.column, error.kind, error.what)
            continue
        if found is None:
            continue
        merged = {field: value for field, value in found.items() if value is not None}
        for other in others:
            merged = {**other.get(str(found["id"]), {}), **merged}
        yield Row(row.line, {usual_name(field): value for field, value in merged.items()})


def usual_name(field: str) -> str:
    """Return the name that a field's column has in a question file.

    >>> usual_name("prompt"), usual_name("accepted")
    ('whole_prompt', 'accepted')
    """
    return CONVENTIONAL[field][0]


def _index(source: _Source) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for row in read_rows(source.path):
        if isinstance(row, RowIssue):
            raise QuestionsError(f"{source.path}: {row}; mend it")
        try:
            fields = source.fields(row.values)
        except BadRowError as error:
            raise QuestionsError(f"{source.path}, line {row.line}: {error.what}; mend it") from error
        if fields is None:
            continue
        own = str(fields["id"])
        if own in found:
            raise QuestionsError(
                f"{source.path} has the id {own[:40]!r} twice: which of its rows is meant is not known"
            )
        if len(found) == MOST_JOINED:
            raise QuestionsError(
                f"{source.path} has more than {MOST_JOINED:,} rows, which are held in memory: split it"
            )
        found[own] = {field: value for field, value in fields.items() if value is not None}
    return found
