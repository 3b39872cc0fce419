"""The records of a run as Parquet tables: one file per kind of record, a column per field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath, atomic_write, reason_of, storage_errors
from truthmap.records import Answer, Grade, Outcome, Question, Span, Split, SplitAssignment

Record = TypeVar("Record", Question, Answer, Grade, SplitAssignment)


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class _Column:
    """How one field stands in a table: its Arrow type and the two ways across."""

    kind: pa.DataType
    write: Callable[[Any], Any] = _same
    read: Callable[[Any], Any] = _same


def _optional(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else change(value)


@lru_cache(maxsize=1024)
def _read_candidates(text: str) -> tuple[tuple[str, ...], ...]:
    # Questions of one set mostly share their candidates; the cache lets them share the tuple too.
    return tuple(tuple(names) for names in json.loads(text))


@lru_cache(maxsize=1024)
def _write_candidates(candidates: tuple[tuple[str, ...], ...]) -> str:
    return json.dumps(candidates, ensure_ascii=False)


_TEXT = _Column(pa.string())
_FLAG = _Column(pa.bool_())
_NUMBER = _Column(pa.int32())
_TEXTS = _Column(pa.list_(pa.string()), list, tuple)
_IDS = _Column(pa.list_(pa.int32()), list, tuple)
_PAIRS = _Column(
    pa.list_(pa.list_(pa.int32(), 2)),
    lambda pairs: [list(p) for p in pairs],
    lambda pairs: tuple(tuple(p) for p in pairs),
)
_OUTCOME = _Column(pa.string(), _optional(str), _optional(Outcome))

_COLUMNS: Mapping[type, Mapping[str, _Column]] = {
    Question: {
        "id": _TEXT,
        "text": _TEXT,
        "accepted": _TEXTS,
        "candidates": _Column(
            pa.dictionary(pa.int32(), pa.string()), _optional(_write_candidates), _optional(_read_candidates)
        ),
        "context": _TEXT,
        "group": _TEXT,
        "answer": _TEXT,
        "outcome": _OUTCOME,
        "exact_answer": _TEXT,
    },
    Answer: {
        "question_id": _TEXT,
        "prompt_ids": _IDS,
        "answer_ids": _IDS,
        "text": _TEXT,
        "log_probs": _Column(pa.list_(pa.float32()), list, tuple),
        "offsets": _PAIRS,
        "finished": _FLAG,
        "sample": _NUMBER,
        "fault": _TEXT,
    },
    Grade: {
        "question_id": _TEXT,
        "outcome": _OUTCOME,
        "rule": _TEXT,
        # Not of a fixed size: some versions of Arrow write missing lists of one, and cannot read them back.
        "span": _Column(
            pa.list_(pa.int32()), _optional(lambda span: [span.start, span.end]), _optional(lambda pair: Span(*pair))
        ),
        "exact_answer": _TEXT,
        "canonical": _TEXT,
        "why": _TEXT,
        "refusal": _FLAG,
        "sample": _NUMBER,
        "claim": _NUMBER,
    },
    SplitAssignment: {"question_id": _TEXT, "split": _Column(pa.string(), str, Split), "fold": _NUMBER},
}
_FORMER_NAMES: Mapping[str, str] = {"canonical": "meaning"}
"""Columns that files of older versions have under another name."""
_LATER: Mapping[str, Any] = {"claim": 0}
"""Columns that files of older versions lack, and what stands for them there."""


def write_records(path: AnyPath, kind: type[Record], records: Iterable[Record]) -> None:
    """Write records of one kind to a Parquet file, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    rows = list(records)
    columns = {
        name: pa.array([column.write(getattr(row, name)) for row in rows], type=column.kind)
        for name, column in _COLUMNS[kind].items()
    }
    with atomic_write(path) as temp_path:
        pq.write_table(pa.table(columns), temp_path, compression="zstd", write_page_checksum=True)


def join_tables(path: AnyPath, pieces: Sequence[AnyPath]) -> None:
    """Write the rows of several tables of one kind to one file, piece after piece, whole or not at all.

    Raises:
        DamagedFileError: a piece is no such table.
        StorageError: the file cannot be written.
    """
    with atomic_write(path) as temp_path, storage_errors(Path(path)):
        with _damage_told(pieces[0], "records"):
            schema = pq.read_schema(Path(pieces[0]))
        with pq.ParquetWriter(temp_path, schema, compression="zstd", write_page_checksum=True) as writer:
            for piece in pieces:
                with _damage_told(piece, "records"), _parquet(piece) as file:
                    table = file.read()
                writer.write_table(table)


def read_records(path: AnyPath, kind: type[Record]) -> tuple[Record, ...]:
    """Read back what `write_records` wrote.

    Raises:
        DamagedFileError: the file is no Parquet file, its pages are not those that were written, or its columns are not
            those of `kind`.
    """
    with _damage_told(path, f"{kind.__name__} records"), _parquet(path) as file:
        return _records(file.read(), kind)


def read_in_pieces(path: AnyPath, kind: type[Record], size: int) -> Iterator[tuple[Record, ...]]:
    """Read back what `write_records` or `join_tables` wrote, `size` records at a time.

    Raises:
        DamagedFileError: as `read_records`.
    """
    with _damage_told(path, f"{kind.__name__} records"), _parquet(path) as file:
        there = set(file.schema_arrow.names)
        names = [name for name in _names_in(file.schema_arrow, kind) if name in there or name not in _LATER]
        for batch in file.iter_batches(size, columns=names):
            yield _records(pa.Table.from_batches([batch]), kind)


def _parquet(path: AnyPath) -> pq.ParquetFile:
    return pq.ParquetFile(Path(path), page_checksum_verification=True)


def _records(table: pa.Table, kind: type[Record]) -> tuple[Record, ...]:
    names, there = _names_in(table.schema, kind), set(table.schema.names)
    columns = [
        [_LATER[name]] * len(table) if name in _LATER and name not in there else table.column(name).to_pylist()
        for name in names
    ]
    reads = [column.read for column in _COLUMNS[kind].values()]
    rows = zip(*columns, strict=True)
    return tuple(kind(*(read(value) for read, value in zip(reads, row, strict=True))) for row in rows)


def _names_in(schema: pa.Schema, kind: type) -> list[str]:
    """Return the names that the columns of `kind` have in a file."""
    return [name if name in schema.names else _FORMER_NAMES.get(name, name) for name in _COLUMNS[kind]]


@contextmanager
def _damage_told(path: AnyPath, what: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, KeyError, ValueError, TypeError, AssertionError, OSError) as error:
        raise DamagedFileError(
            f"{path} is damaged: expected a table of {what} ({reason_of(error)}); delete it to have it made again"
        ) from error
