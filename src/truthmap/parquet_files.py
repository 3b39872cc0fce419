"""Parquet files from anybody, read in bounded memory: a few bytes of one can stand for gigabytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MOST_DECODED = 4 << 30
"""Bytes that all values of a file may take once they are decoded."""
MOST_IN_BATCH = 256 << 20
"""Bytes that the values of one batch of rows may take once they are decoded."""

_SEAL = b"truthmap-seal"
_BATCH = 1024
_FOOTER = 64 << 20
_PLAIN = frozenset({"PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"})
"""Encodings of texts in which a value takes its own room, or refers to one that does."""
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}


def open_parquet(file: BinaryIO, *, checksums: bool = False) -> pq.ParquetFile:
    """Open a Parquet file whose texts are read as references to distinct ones: the same text a million times is one.

    Args:
        file: The open file.
        checksums: Whether every page must have the checksum that is written beside it.

    Raises:
        ArrowException: it is no Parquet file.
        ValueError: what its footer announces takes more room than is given.
    """
    with pq.ParquetFile(file, **_LIMITS) as plain:
        metadata = plain.metadata
        _require_room(metadata)
        texts = [
            metadata.schema.column(n).path
            for n in range(metadata.num_columns)
            if metadata.schema.column(n).physical_type == "BYTE_ARRAY"
        ]
    file.seek(0)
    return pq.ParquetFile(file, read_dictionary=texts, page_checksum_verification=checksums, **_LIMITS)


_LIMITS = {"thrift_string_size_limit": _FOOTER, "thrift_container_size_limit": 10_000, "pre_buffer": False}


def bounded_batches(
    file: pq.ParquetFile, size: int = _BATCH, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Read the rows of an opened file, `size` at a time; texts are dictionaries.

    Raises:
        ArrowException: its pages cannot be read.
        ValueError: the values take more room than is given.
    """
    total = 0
    for batch in file.iter_batches(size, columns=columns):
        decoded = sum(decoded_bytes(column) for column in batch.columns)
        total += decoded
        if decoded > MOST_IN_BATCH or total > MOST_DECODED:
            raise ValueError(f"its values take more than {min(decoded, total):,} bytes once they are decoded")
        yield batch


def read_bounded(file: BinaryIO, *, checksums: bool = False) -> pa.Table:
    """Read an open file whole, as it was written, after seeing what its values take.

    Raises:
        ArrowException: it is no Parquet file.
        ValueError: its values take more room than is given.
    """
    with open_parquet(file, checksums=checksums) as opened:
        for _ in bounded_batches(opened):
            pass
    file.seek(0)
    with pq.ParquetFile(file) as plain:
        return plain.read()


def with_seal(table: pa.Table) -> pa.Table:
    """Return a table that says in its metadata what it holds, so that its file vouches for itself."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _SEAL: _digest(table)})


def without_seal(table: pa.Table) -> pa.Table:
    """Return a table that was read, after seeing that it holds what was sealed.

    Raises:
        ValueError: it does not, or it has no seal.
    """
    metadata = dict(table.schema.metadata or {})
    if metadata.pop(_SEAL, None) != _digest(table):
        raise ValueError("it does not hold what was written")
    return table.replace_schema_metadata(metadata or None)


def _digest(table: pa.Table) -> bytes:
    """Return the SHA-256 of what a table holds, however its memory is laid out."""
    digest = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(f"{name} {len(column)} ".encode())
        _feed(digest.update, column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))
    return digest.hexdigest().encode("ascii")


def _feed(take: Callable[[bytes], None], values: pa.Array) -> None:
    types, kind = pa.types, values.type
    if types.is_dictionary(kind):
        _feed(take, values.dictionary_decode())
        return
    # The names of a list's items are not kept by every version of Arrow.
    take(f"{'nested' if types.is_nested(kind) else kind} {len(values)} ".encode())
    take(values.is_valid().to_numpy(zero_copy_only=False).tobytes())
    if types.is_struct(kind):
        for each in values.flatten():
            _feed(take, each)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        take(pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False).tobytes())
        _feed(take, values.flatten())
    elif _is_text(kind):
        take(pc.fill_null(pc.binary_length(values), 0).to_numpy(zero_copy_only=False).tobytes())
        take(b"".join(pc.fill_null(values.cast(pa.large_binary()), b"").to_pylist()))
    elif not types.is_null(kind):
        take(pc.fill_null(values, False if types.is_boolean(kind) else 0).to_numpy(zero_copy_only=False).tobytes())


def decoded_bytes(values: pa.Array) -> int:
    """Return the bytes that an array's values take once each stands for itself.

    >>> decoded_bytes(pa.array(["abc"] * 10).dictionary_encode())
    30
    """
    if isinstance(values, pa.DictionaryArray):
        lengths = pc.binary_length(values.dictionary) if _is_text(values.type.value_type) else None
        if lengths is None:
            return int(values.nbytes)
        return int(pc.sum(lengths.cast(pa.int64()).take(values.indices)).as_py() or 0)
    if pa.types.is_struct(values.type):
        return sum(decoded_bytes(each) for each in values.flatten())
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or pa.types.is_fixed_size_list(values.type):
        return decoded_bytes(values.flatten())
    return int(values.nbytes)


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


def _require_room(metadata: pq.FileMetaData) -> None:
    """Refuse a file whose numbers alone, or whose texts by their encoding, may take more than is given."""
    numbers = 0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        if group.total_byte_size > MOST_DECODED:
            raise ValueError(f"a group of its rows takes {group.total_byte_size:,} bytes")
        for at, column in enumerate(map(group.column, range(group.num_columns))):
            if column.physical_type == "BYTE_ARRAY":
                unknown = set(column.encodings) - _PLAIN
                if unknown:
                    raise ValueError(f"its texts are encoded as {', '.join(sorted(unknown))}; write it plainly")
            numbers += column.num_values * (_WIDTHS.get(column.physical_type) or metadata.schema.column(at).length)
    if numbers > MOST_DECODED:
        raise ValueError(f"its numbers take {numbers:,} bytes once they are decoded")
