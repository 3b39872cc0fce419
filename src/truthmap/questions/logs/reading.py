"""A log as the rows of a question file, with the columns that the user names in place of the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.questions.columns import CONVENTIONAL, Columns
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.logs.base import LogKind, LogReader, at
from truthmap.questions.logs.registry import log_kind
from truthmap.questions.readers import Row
from truthmap.questions.user_files import question_of
from truthmap.questions.validation import BadRowError, IssueKind
from truthmap.records import Question


@dataclass(frozen=True)
class LogQuestions:
    """Makes questions of the rows of one log.

    Attributes:
        kind: The tool.
        reader: Its reader.
        named: Field → where in a row the user wants it taken from, with dots: `doc.answers`.
        right_at: Where outcomes are scores, the one from which on an answer is right.
    """

    kind: LogKind
    reader: LogReader
    named: Mapping[str, str]
    right_at: float | None

    @property
    def facts(self) -> LogFacts:
        """What becomes of a row's fields."""
        facts = self.reader.facts
        return LogFacts(facts.tool, {**facts.became, **self.named}, facts.differences)

    def fields(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the fields of a row's question; `None`: it has no answer, or is of no concern.

        Raises:
            BadRowError: it makes none.
        """
        if not self.kind.recognises(values):
            raise BadRowError(None, IssueKind.VALUE, f"it is no row of a log of {self.kind.tool}, as the first one is")
        found = self.reader.convert(values)
        return None if found is None else {**found, **{field: at(values, path) for field, path in self.named.items()}}

    def question_of(self, row: Row) -> Question | None:
        """Make a row a question; `None`: it is left out.

        Raises:
            BadRowError: it makes none; says of which part of the log.
        """
        fields, became = self.fields(row.values), self.facts.became
        try:
            found = None if fields is None else Row(row.line, fields)
            return None if found is None else question_of(found, {name: name for name in became}, self.right_at)
        except BadRowError as error:
            raise BadRowError(became.get(error.column or "", error.column), error.kind, error.what) from error


def log_questions(first: Mapping[str, Any], columns: Columns, source: str) -> LogQuestions | None:
    """Return what makes questions of a log that begins with this row; `None`: it is no log that is known.

    Raises:
        QuestionsError: the log lacks what makes a question.
    """
    kind = log_kind(first)
    if kind is None:
        return None
    named = {field: getattr(columns, field) for field in CONVENTIONAL if getattr(columns, field) is not None}
    try:
        reader = kind.reader(first, columns)
    except QuestionsError as error:
        raise QuestionsError(f"{source} is a log of {kind.tool}: {error}") from error
    # The reader has looked at the outcome that is named: a metric or a scorer of its own.
    if "outcome" in reader.facts.became:
        named.pop("outcome", None)
    return LogQuestions(kind, reader, named, columns.right_at)


def require_whole(log: LogQuestions, source: str) -> None:
    """See that the rows of a log are questions that can be graded.

    Raises:
        QuestionsError: they lack the questions, or both accepted answers and outcomes; says how to join what lacks.
    """
    became = log.facts.became
    if "question" not in became:
        raise QuestionsError(
            f"{source} ({log.facts.tool}) has answers and not what was asked: join the two with `truthmap import "
            f"{source} --join REQUESTS --join ANSWERS --out questions.jsonl`"
        )
    if "accepted" not in became and "outcome" not in became:
        raise QuestionsError(
            f"{source} ({log.facts.tool}) has no accepted answers and no outcomes: name one with --accepted-column or "
            "--outcome-column, or join a file that has them: "
            f"`truthmap import {source} --join FILE --out questions.jsonl`"
        )
