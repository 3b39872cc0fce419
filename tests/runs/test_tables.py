"""Tables of records are read back as they were written, those of older versions too."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from truthmap.records import Grade, Outcome, Span
from truthmap.runs.tables import read_in_pieces, read_records, write_records

GRADES = (
    Grade("q1", Outcome.RIGHT, "number", Span(3, 5), "12", "12", "concludes with '12'"),
    Grade("q2", Outcome.WRONG, "alias", None, "", "", "declines to answer", refusal=True, sample=2),
)


def test_grades_are_read_back_whole_and_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "grades.parquet"
    write_records(path, Grade, GRADES)
    assert read_records(path, Grade) == GRADES
    assert tuple(grade for piece in read_in_pieces(path, Grade, 1) for grade in piece) == GRADES
    assert "canonical" in pq.read_schema(path).names


def test_canonical_forms_were_called_meaning_in_older_files(tmp_path: Path) -> None:
    path, old = tmp_path / "grades.parquet", tmp_path / "old.parquet"
    write_records(path, Grade, GRADES)
    table = pq.read_table(path)
    pq.write_table(
        table.rename_columns(["meaning" if name == "canonical" else name for name in table.column_names]),
        old,
        write_page_checksum=True,
    )
    assert read_records(old, Grade) == GRADES
    assert tuple(grade for piece in read_in_pieces(old, Grade, 1) for grade in piece) == GRADES
