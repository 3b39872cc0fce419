"""Reading a column of labels that somebody wrote for the questions of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from truthmap.errors import DamagedFileError, UsageError
from truthmap.files import open_regular
from truthmap.parquet_files import read_bounded

if TYPE_CHECKING:
    import pandas as pd

_MOST_BYTES = 4 << 30
_KINDS = (".csv", ".tsv", ".jsonl", ".parquet")


def read_labels(path: Path, column: str, id_column: str = "id") -> dict[str, str]:
    """Read which label each question has: question id → label as text; empty labels are left out.

    Args:
        path: A CSV, TSV, JSON Lines or Parquet file.
        column: The column of labels.
        id_column: The column of question ids.

    Raises:
        UsageError: the file is not there or unreadable, lacks a column, or names a question twice with two labels.
    """
    table = _read(path)
    for name in (id_column, column):
        if name not in table.columns:
            raise UsageError(f"{path} has no column {name!r}; it has {', '.join(map(repr, map(str, table.columns)))}")
    labels: dict[str, str] = {}
    for i, value in zip(table[id_column], table[column], strict=True):
        label = _text(value)
        if label and labels.setdefault(_text(i), label) != label:
            raise UsageError(f"{path} gives question {_text(i)!r} two labels: {labels[_text(i)]!r} and {label!r}")
    if not labels:
        raise UsageError(f"{path} has no label in the column {column!r}")
    return labels


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise UsageError(f"{path} must be one of {', '.join(_KINDS)}")
    try:
        with open_regular(path, _MOST_BYTES) as file:
            if kind == ".parquet":
                frame: pd.DataFrame = read_bounded(file).to_pandas()
                return frame
            if kind == ".jsonl":
                return pd.read_json(file, lines=True, dtype=False)
            return pd.read_csv(file, sep="\t" if kind == ".tsv" else ",", dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise UsageError(f"{path} is not there") from error
    except (OSError, ValueError, pa.ArrowException, DamagedFileError) as error:
        raise UsageError(f"{path} cannot be read as {kind}: {error}") from error


def _text(value: Any) -> str:
    """Return a cell's text; a missing value is empty."""
    missing = value is None or value != value
    return "" if missing else str(value).strip()
