"""Parquet files from anybody: read in bounded memory, and parts that vouch for themselves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truthmap.parquet_files import bounded_batches, open_parquet, read_bounded, with_seal, without_seal

COLUMNS: dict[str, pa.Array] = {
    "text": pa.array(["a", None, "", "é"]),
    "texts": pa.array([["a", "b"], [], None, ["c"]], pa.list_(pa.string())),
    "pairs": pa.array([[[1, 2]], [], None, [[3, 4], [5, 6]]], pa.list_(pa.list_(pa.int32(), 2))),
    "numbers": pa.array([1.5, None, float("nan"), -0.0]),
    "flags": pa.array([True, False, None, True]),
    "named": pa.array([{"x": 1}, None, {"x": 2}, {"x": None}]),
    "again": pa.array(["a", "b", "a", None]).dictionary_encode(),
    "nothing": pa.nulls(4),
}


def written(table: pa.Table) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file


def test_a_sealed_table_comes_back_as_it_was() -> None:
    table = pa.table(COLUMNS)
    without_seal(read_bounded(written(with_seal(table))))  # with a NaN, which differs from itself
    kept = table.drop_columns(["numbers"])
    assert without_seal(read_bounded(written(with_seal(kept)))).to_pylist() == kept.to_pylist()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("text", ["a", "", None, "é"]), ("text", ["aé", None, "", ""]), ("texts", [["a"], ["b"], None, ["c"]]),
        ("pairs", [[[1, 2]], None, None, [[3, 4], [5, 6]]]), ("numbers", [1.5, 0.0, float("nan"), -0.0]),
        ("numbers", [1.5, None, float("nan"), 0.0]), ("flags", [True, None, False, True]),
        ("named", [{"x": 1}, None, {"x": 2}, None]),
    ],
)  # fmt: skip
def test_another_value_breaks_the_seal(name: str, other: list[Any]) -> None:
    table = pa.table(COLUMNS)
    at = table.column_names.index(name)
    changed = table.set_column(at, name, pa.array(other, COLUMNS[name].type))
    sealed = with_seal(table)
    forged = changed.replace_schema_metadata(sealed.schema.metadata)
    with pytest.raises(ValueError, match="it does not hold what was written"):
        without_seal(read_bounded(written(forged)))


def test_a_table_without_a_seal_vouches_for_nothing() -> None:
    with pytest.raises(ValueError, match="it does not hold what was written"):
        without_seal(pa.table(COLUMNS))


def bombs() -> list[pa.Table]:
    """Return tables of few bytes that stand for gigabytes."""
    text = pa.array(["x" * 1_000_000])
    again = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), text)
    row = pa.ListArray.from_arrays(pa.array([0, 5000], pa.int32()), again)
    numbers = pa.ListArray.from_arrays(pa.array([0, 1 << 20], pa.int32()), pa.array([7] * (1 << 20)))
    return [pa.table({"a": again}), pa.table({"a": row}), pa.table({"a": pa.chunked_array([numbers] * 600)})]


TEXTS, ROW, NUMBERS = bombs()
BOMBS = [
    pytest.param(TEXTS, id="texts"),
    pytest.param(ROW, id="a row of texts"),
    pytest.param(NUMBERS, id="numbers", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_few_bytes_that_stand_for_gigabytes_are_refused(bomb: pa.Table) -> None:
    file = written(bomb)
    assert len(file.getvalue()) < 1_000_000
    with pytest.raises(ValueError, match="bytes once they are decoded"), open_parquet(file) as opened:
        list(bounded_batches(opened))


def test_texts_that_build_on_each_other_are_refused() -> None:
    file = io.BytesIO()
    table = pa.table({"a": ["x" * 1000 + str(n) for n in range(100)]})
    pq.write_table(table, file, use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"})
    with pytest.raises(ValueError, match="encoded as DELTA_BYTE_ARRAY; write it plainly"):
        open_parquet(file)


def test_what_is_no_parquet_is_an_arrow_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"PAR1 nothing PAR1")
    with (tmp_path / "file").open("rb") as file, pytest.raises(pa.ArrowException):
        open_parquet(file)
