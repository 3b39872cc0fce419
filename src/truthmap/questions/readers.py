"""Rows of a question file: CSV, JSON lines, Parquet, or a data set of the Hugging Face hub; always as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from truthmap.errors import QuestionsError
from truthmap.questions.csv_reader import read_csv
from truthmap.questions.line_reader import text_lines
from truthmap.questions.validation import IssueKind, RowIssue

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
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
    raise QuestionsError(f"{path} is in no format that is known by its name: expected one of {', '.join(FORMATS)}")


def _read_json_lines(path: Path) -> Iterator[Row | RowIssue]:
    for number, line in enumerate(text_lines(path), start=1):
        if isinstance(line, RowIssue):
            yield line
        elif line.strip():
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield RowIssue(number, None, IssueKind.JSON, f"not JSON ({error})")
                continue
            if isinstance(values, dict):
                yield Row(number, values)
            else:
                yield RowIssue(number, None, IssueKind.JSON, f"expected a JSON object, got {type(values).__name__}")


def _read_parquet(path: Path) -> Iterator[Row | RowIssue]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise QuestionsError(f"{path} cannot be read as Parquet after row {number}: {error}") from error
