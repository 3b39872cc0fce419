"""What every reader of a log has: which rows are of its tool, and what becomes of such a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from truthmap.questions.columns import Columns
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.validation import BadRowError, IssueKind
from truthmap.questions.values import only_element

FIELDS = ("id", "question", "prompt", "accepted", "aliases", "group", "response", "outcome", "exact_answer")
"""What a row of a log may become, by the names of `Columns`.

Candidates and contexts are not among them: they would be written into prompts, and a log has the prompt as it was sent.
"""


class LogReader(Protocol):
    """Turns the rows of one log into rows of a question file."""

    @property
    def facts(self) -> LogFacts:
        """What becomes of a row's fields."""
        ...

    def convert(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the fields of a question, by the names of `FIELDS`; `None`: the row has no answer, and is left out.

        Raises:
            BadRowError: the row makes no question.
        """
        ...


class LogKind(Protocol):
    """A tool whose logs are read."""

    @property
    def tool(self) -> str:
        """What it is called."""
        ...

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a row is of its log."""
        ...

    def reader(self, first: Mapping[str, Any], columns: Columns) -> LogReader:
        """Return the reader of a log that begins with this row.

        Raises:
            QuestionsError: it holds nothing that makes a question.
        """
        ...


def at(values: Any, path: str) -> Any:
    """Return what stands at a dotted path: `doc.question`; `None` where there is nothing.

    A name that itself has dots in it is found, too.
    """
    if not isinstance(values, Mapping):
        return None
    if path in values:
        return values[path]
    head, dot, rest = path.partition(".")
    return at(values.get(head), rest) if dot else None


def first_named(values: Any, names: tuple[str, ...]) -> str | None:
    """Return the first of these names under which a mapping holds something."""
    if not isinstance(values, Mapping):
        return None
    return next((name for name in names if values.get(name) not in (None, "", [])), None)


def numbers_in(values: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    """Return which of these names hold an outcome or a number, alone in a list or not."""
    return [name for name in names if isinstance(only_element(values.get(name)), (bool, int, float))]


def texts_in(value: Any) -> list[str]:
    """Return a text, a number or a list of such as texts, each as it is: nothing is split."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [str(item) for item in items if isinstance(item, (str, int, float)) and str(item).strip()]


def is_binary(value: Any) -> bool:
    """Tell whether a value is an outcome as it is: true, false, 1 or 0."""
    return only_element(value) in (0, 1)


def bad(column: str, what: str) -> BadRowError:
    """Return the fault of a row whose value is not understood."""
    return BadRowError(column, IssueKind.VALUE, what)
