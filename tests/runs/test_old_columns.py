"""Runs of earlier versions are read right: their columns by the names that they had."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from truthmap.errors import DamagedFileError
from truthmap.runs.data import RunData
from truthmap.runs.file_names import GRADES, GRID
from truthmap.runs.run import Run


@pytest.fixture
def copy(made_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made_once, tmp_path / "copy")


def test_grades_of_an_earlier_version_are_read(made_once: Path, copy: Path) -> None:
    table = pq.read_table(copy / GRADES)
    names = ["meaning" if name == "canonical" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), copy / GRADES, write_page_checksum=True)
    assert RunData.load(Run(copy)).grades == RunData.load(Run(made_once)).grades


def test_grades_without_the_column_are_refused(copy: Path) -> None:
    table = pq.read_table(copy / GRADES)
    pq.write_table(table.drop_columns(["canonical"]), copy / GRADES, write_page_checksum=True)
    with pytest.raises(DamagedFileError, match=r"grades.parquet is damaged: expected a table of Grade records"):
        RunData.load(Run(copy)).grades  # noqa: B018


def test_a_map_of_an_earlier_version_is_read(made_once: Path, copy: Path) -> None:
    frame = pd.read_parquet(copy / GRID)
    frame.rename(columns={"text_baseline_auc": "words_auc"}).to_parquet(copy / GRID)
    pd.testing.assert_frame_equal(RunData.load(Run(copy)).cells, RunData.load(Run(made_once)).cells)
