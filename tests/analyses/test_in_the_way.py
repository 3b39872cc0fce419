"""What stands in the way of a result is named in one line, whichever way leads there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from truthmap.analyses.results import write_analysis
from truthmap.errors import StorageError
from truthmap.files import AnyPath
from truthmap.metrics.estimate import Estimate
from truthmap.runs.folder import run_folder

RESULT = Estimate(value=1.0, low=1.0, high=1.0, n=1)


def write(folder: AnyPath) -> None:
    write_analysis(folder, "errors", RESULT, pd.DataFrame({"a": [1]}), Figure())


def test_a_file_where_a_folder_is_wanted_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    (tmp_path / "study.yaml").write_text("x")
    (tmp_path / "analyses").write_text("x")
    with pytest.raises(StorageError, match=r"out/errors\.parquet cannot be written: .*out is a file, and no folder"):
        write(tmp_path / "out")
    with pytest.raises(StorageError, match=r"analyses/errors\.parquet cannot be written: .*is a file, and no folder"):
        write(run_folder(tmp_path) / "analyses")
