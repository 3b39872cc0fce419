"""Worked examples that are shown before each question: given one by one, or in a file like one of questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.questions.columns import Columns, resolve_columns
from truthmap.questions.readers import Row, read_rows
from truthmap.questions.tasks import Example
from truthmap.questions.validation import BadRowError
from truthmap.questions.values import text_of, texts_of

_MOST = 1000
"""Examples that are taken: with more, no model has room left for a question."""


def read_examples(given: Any) -> tuple[Example, ...]:
    """Return worked examples from what a user gives.

    Args:
        given: The path of a file with a column for the question and one for the answer (the first accepted one, or the
            ready one), or the examples: each an `Example`, a mapping of its fields, or a pair (question, answer).

    Raises:
        ValueError: it is none of these, or a question or answer in it is empty; says where and what.
    """
    if isinstance(given, (str, Path)):
        return _from_file(Path(given))
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        raise ValueError(f"expected a list of examples or a file of them, got {type(given).__name__}")
    return tuple(_example(item, f"example {number}") for number, item in enumerate(given, start=1))


def _example(item: Any, place: str) -> Example:
    if isinstance(item, Mapping) and {"question", "answer"} <= item.keys() <= {"question", "answer", "context"}:
        item = Example(**item)
    elif isinstance(item, (tuple, list)) and len(item) == 2:
        item = Example(*item)
    if not isinstance(item, Example):
        raise ValueError(f"{place}: expected a pair of question and answer, got {item!r:.80}")
    for name in ("question", "answer"):
        text = getattr(item, name)
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{place}: expected a text as the {name}, got {text!r:.80}")
    return item


def _from_file(path: Path) -> tuple[Example, ...]:
    found: list[Example] = []
    columns: dict[str, str] = {}
    try:
        for row in read_rows(path):
            if not isinstance(row, Row):
                raise ValueError(f"{path}, {row}")
            columns = columns or resolve_columns(Columns(), list(row.values), str(path))
            found.append(_of_row(row, columns, path))
            if len(found) > _MOST:
                raise ValueError(f"{path} holds more than {_MOST:,} examples; choose some of them")
    except QuestionsError as error:
        raise ValueError(str(error)) from error
    if not found:
        raise ValueError(f"{path} holds no examples")
    return tuple(found)


def _of_row(row: Row, columns: Mapping[str, str], path: Path) -> Example:
    """Return the example of a row: its answer is the ready one, or else the first accepted one."""
    try:
        cells = {field: (row.values.get(column), column) for field, column in columns.items()}
        question, context = (text_of(*cells[name]) if name in cells else None for name in ("question", "context"))
        answer = text_of(*cells["response"]) if "response" in cells else None
        accepted = texts_of(*cells["accepted"]) if "accepted" in cells else ()
    except BadRowError as error:
        raise ValueError(f"{path}, line {row.line}, column {error.column}: {error.what}") from error
    return _example(Example(question or "", answer or next(iter(accepted), ""), context), f"{path}, line {row.line}")
