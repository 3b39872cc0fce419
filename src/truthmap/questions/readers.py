"""Rows of a question file: CSV, JSON lines, Parquet, or a data set of the Hugging Face hub; always as a stream."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from truthmap.errors import QuestionsError
from truthmap.parquet_files import bounded_batches, open_parquet
from truthmap.questions.columns import require_distinct
from truthmap.questions.csv_reader import read_csv
from truthmap.questions.line_reader import text_lines
from truthmap.questions.logs.inspect_file import PLAIN, ZIPPED, read_inspect
from truthmap.questions.validation import IssueKind, RowIssue

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ZIPPED, PLAIN)
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its line in the file (its number in a Parquet file or hub data set), from 1, and its values by column."""

    line: int
    values: Mapping[str, Any]


def read_rows(path: Path) -> Iterator[Row | RowIssue]:
    """Read a file by the format that its name ends in; only a piece of it is held at a time.

    Raises:
        QuestionsError: there is no such file, its format is not known, or it is not what its name says.
    """
    if not path.is_file():
        raise QuestionsError(f"there is no file {path}")
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        return (row if isinstance(row, RowIssue) else Row(*row) for row in read_csv(path))
    if ending in (".jsonl", ".ndjson"):
        return _read_json_lines(path)
    if ending == ".parquet":
        return _read_parquet(path)
    if ending in (ZIPPED, PLAIN):
        return (Row(number, sample) for number, sample in enumerate(read_inspect(path), start=1))
    raise QuestionsError(f"{path} is in no format that is known by its name: expected one of {', '.join(FORMATS)}")


def _read_json_lines(path: Path) -> Iterator[Row | RowIssue]:
    for number, line in enumerate(text_lines(path), start=1):
        if isinstance(line, RowIssue):
            yield line
        elif line.strip():
            try:
                values = json.loads(line, object_pairs_hook=_without_doubles)
            except (ValueError, RecursionError) as error:
                yield RowIssue(number, None, IssueKind.JSON, f"not JSON ({error})")
                continue
            if isinstance(values, dict):
                yield Row(number, values)
            else:
                yield RowIssue(number, None, IssueKind.JSON, f"expected a JSON object, got {type(values).__name__}")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice[:40]!r} comes more than once")
    return values


def _read_parquet(path: Path) -> Iterator[Row | RowIssue]:
    number = 0
    try:
        with path.open("rb") as opened, open_parquet(opened) as file:
            require_distinct(file.schema_arrow.names, str(path))
            for batch in bounded_batches(file, _BATCH):
                yield from _rows(batch, number + 1)
                number += batch.num_rows
    except QuestionsError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise QuestionsError(f"{path} cannot be read as Parquet after row {number}: {error}") from error


def _rows(batch: pa.RecordBatch, first: int) -> Iterator[Row | RowIssue]:
    """Yield the rows of a batch; one with a value that Python has no room for, such as a date far off, is an issue.

    Args:
        batch: The rows.
        first: The number of the first one.
    """
    try:
        whole = batch.to_pylist()
    except (OverflowError, ValueError):
        whole = None
    if whole is not None:
        yield from (Row(number, values) for number, values in enumerate(whole, first))
        return
    for number in range(batch.num_rows):
        yield _row(batch, number, first + number)


def _row(batch: pa.RecordBatch, place: int, number: int) -> Row | RowIssue:
    values: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values[name] = column[place].as_py()
        except (OverflowError, ValueError) as error:
            return RowIssue(number, name, IssueKind.VALUE, f"a value out of range ({error})")
    return Row(number, values)
