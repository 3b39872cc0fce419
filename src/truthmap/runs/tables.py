"""The records of a run as Parquet tables: one file per kind of record, a column per field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from truthmap.errors import DamagedFileError
from truthmap.files import MOST_BYTES, AnyPath, atomic_write, open_regular, reason_of, storage_errors
from truthmap.parquet_files import bounded_batches, open_parquet, read_bounded, with_seal, without_seal
from truthmap.records import Answer, Grade, Question, SplitAssignment
from truthmap.runs.columns import COLUMNS, FORMER_NAMES, LATER

Record = TypeVar("Record", Question, Answer, Grade, SplitAssignment)


def write_records(path: AnyPath, kind: type[Record], records: Iterable[Record]) -> None:
    """Write records of one kind to a Parquet file, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    _write(path, _table_of(kind, records))


def write_part(path: AnyPath, kind: type[Record], records: Iterable[Record]) -> None:
    """Write a part of a stage's records, which no ledger knows: its file vouches for itself.

    Raises:
        StorageError: the file cannot be written.
    """
    _write(path, with_seal(_table_of(kind, records)))


def read_part(path: AnyPath, kind: type[Record]) -> tuple[Record, ...]:
    """Read back what `write_part` wrote.

    Raises:
        DamagedFileError: as `read_records`, or it does not hold what was written.
    """
    with _damage_told(path, f"{kind.__name__} records"):
        return _records(without_seal(_read_plain(path)), kind)


def kept_part(path: AnyPath, kind: type[Record], say: Callable[[str], None]) -> tuple[Record, ...] | None:
    """Return what a part holds, or `None` where there is none that is as it was written.

    Args:
        path: The part's file.
        kind: What it holds.
        say: Told that a part is damaged.
    """
    if not path.exists():
        return None
    try:
        return read_part(path, kind)
    except DamagedFileError as error:
        say(f"{error}; making it again")
        return None


def _table_of(kind: type[Record], records: Iterable[Record]) -> pa.Table:
    rows = list(records)
    columns = {
        name: pa.array([column.write(getattr(row, name)) for row in rows], type=column.kind)
        for name, column in COLUMNS[kind].items()
    }
    return pa.table(columns)


def _write(path: AnyPath, table: pa.Table) -> None:
    with atomic_write(path) as temp_path:
        pq.write_table(table, temp_path, compression="zstd", write_page_checksum=True)


def join_tables(path: AnyPath, pieces: Sequence[AnyPath]) -> None:
    """Write the rows of several parts (`write_part`) to one file, part after part, whole or not at all.

    Raises:
        DamagedFileError: a piece is no such table.
        StorageError: the file cannot be written.
    """
    with atomic_write(path) as temp_path, storage_errors(path), ExitStack() as kept:
        writer: pq.ParquetWriter | None = None
        for piece in pieces:
            with _damage_told(piece, "records"):
                table = without_seal(_read_plain(piece))
            if writer is None:
                writer = pq.ParquetWriter(temp_path, table.schema, compression="zstd", write_page_checksum=True)
                kept.enter_context(writer)
            writer.write_table(table)


def write_sealed(path: AnyPath, table: pd.DataFrame) -> None:
    """Write a table that no ledger knows, whole or not at all: its file vouches for itself.

    Raises:
        StorageError: the file cannot be written.
    """
    _write(path, with_seal(pa.Table.from_pandas(table, preserve_index=False)))


def read_sealed(path: AnyPath) -> pd.DataFrame:
    """Read back what `write_sealed` wrote.

    Raises:
        DamagedFileError: it does not hold what was written.
    """
    with _damage_told(path, "a row per answer"):
        frame: pd.DataFrame = without_seal(_read_plain(path)).to_pandas()
        return frame


def _read_plain(path: AnyPath) -> pa.Table:
    with open_regular(path, MOST_BYTES) as file, _damage_told(path, "records"):
        return read_bounded(file, checksums=True)


def table_in(file: BinaryIO, path: AnyPath) -> pd.DataFrame:
    """Read a table of numbers and texts from an open file; `path` is what messages call it.

    Raises:
        DamagedFileError: it is no Parquet file.
    """
    with _damage_told(path, "a row per cell or answer"):
        frame: pd.DataFrame = read_bounded(file).to_pandas()
        return frame


def read_records(path: AnyPath, kind: type[Record]) -> tuple[Record, ...]:
    """Read back what `write_records` wrote.

    Raises:
        DamagedFileError: the file is no Parquet file, its pages are not those that were written, or its columns are not
            those of `kind`.
    """
    with _damage_told(path, f"{kind.__name__} records"), open_regular(path, MOST_BYTES) as file:
        return records_in(file, path, kind)


def records_in(file: BinaryIO, path: AnyPath, kind: type[Record]) -> tuple[Record, ...]:
    """Read back what `write_records` wrote from an open file; `path` is what messages call it.

    Raises:
        DamagedFileError: as `read_records`.
    """
    with _damage_told(path, f"{kind.__name__} records"), _parquet(file) as opened:
        return tuple(row for rows in _pieces(opened, kind) for row in rows)


def read_in_pieces(path: AnyPath, kind: type[Record], size: int) -> Iterator[tuple[Record, ...]]:
    """Read back what `write_records` or `join_tables` wrote, `size` records at a time.

    Raises:
        DamagedFileError: as `read_records`.
    """
    with (
        _damage_told(path, f"{kind.__name__} records"),
        open_regular(path, MOST_BYTES) as file,
        _parquet(file) as opened,
    ):
        yield from _pieces(opened, kind, size)


def _pieces(file: pq.ParquetFile, kind: type[Record], size: int = 1024) -> Iterator[tuple[Record, ...]]:
    there = set(file.schema_arrow.names)
    names = [name for name in _names_in(file.schema_arrow, kind) if name in there or name not in LATER]
    for batch in bounded_batches(file, size, columns=names):
        yield _records(pa.Table.from_batches([batch]), kind)


def _parquet(file: BinaryIO) -> pq.ParquetFile:
    return open_parquet(file, checksums=True)


def _records(table: pa.Table, kind: type[Record]) -> tuple[Record, ...]:
    names, there = _names_in(table.schema, kind), set(table.schema.names)
    columns = [
        [LATER[name]] * len(table) if name in LATER and name not in there else table.column(name).to_pylist()
        for name in names
    ]
    reads = [column.read for column in COLUMNS[kind].values()]
    rows = zip(*columns, strict=True)
    return tuple(kind(*(read(value) for read, value in zip(reads, row, strict=True))) for row in rows)


def _names_in(schema: pa.Schema, kind: type) -> list[str]:
    """Return the names that the columns of `kind` have in a file."""
    return [name if name in schema.names else FORMER_NAMES.get(name, name) for name in COLUMNS[kind]]


@contextmanager
def _damage_told(path: AnyPath, what: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, KeyError, ValueError, TypeError, AssertionError, OSError) as error:
        raise DamagedFileError(
            f"{path} is damaged: expected a table of {what} ({reason_of(error)}); delete it to have it made again"
        ) from error
