"""Reading a column of labels that somebody wrote for the questions of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truthmap.errors import DamagedFileError, UsageError
from truthmap.files import open_regular
from truthmap.parquet_files import read_bounded
from truthmap.questions.columns import CONVENTIONAL
from truthmap.records import Question
from truthmap.text import normalized

if TYPE_CHECKING:
    import pandas as pd

_MOST_BYTES = 4 << 30
_KINDS = (".csv", ".tsv", ".jsonl", ".parquet")


def read_labels(path: Path, column: str, id_column: str | None = None) -> dict[str, str]:
    """Read which label each question has: question id, or its text, → label as text; empty labels are left out.

    Args:
        path: A CSV, TSV, JSON Lines or Parquet file.
        column: The column of labels.
        id_column: The column of question ids or texts; by default the first with a usual name, ids before texts.

    Raises:
        UsageError: the file is not there or unreadable, lacks a column, or names a question twice with two labels.
    """
    table = _read(path)
    there = ", ".join(map(repr, map(str, table.columns)))
    names = (*CONVENTIONAL["id"], *CONVENTIONAL["question"])
    named = id_column or next((name for name in names if name in table.columns and name != column), None)
    if named is None:
        raise UsageError(
            f"{path} has no column that says which question a label is of ({', '.join(names)}); it has {there}; "
            "name it with --id-column"
        )
    for name in (named, column):
        if name not in table.columns:
            raise UsageError(f"{path} has no column {name!r}; it has {there}")
    labels: dict[str, str] = {}
    rows: dict[str, int] = {}
    for row, (i, value) in enumerate(zip(table[named], table[column], strict=True), start=1):
        key, label = _text(i), _text(value)
        if not key or not label:
            continue
        if labels.setdefault(key, label) != label:
            first = f"{labels[key]!r} in row {rows[key]}"
            raise UsageError(f"{path} gives question {key!r} two labels: {first} and {label!r} in row {row}")
        rows.setdefault(key, row)
    if not labels:
        raise UsageError(f"{path} has no label in the column {column!r}")
    return labels


def by_question(labels: Mapping[str, str], questions: Sequence[Question]) -> dict[str, str]:
    """Return labels by question id; what is no id of a question is taken for a question's text.

    Args:
        labels: Question id or text → label.
        questions: The questions; several may have one text, and then have its label.

    Returns:
        Question id → label, and what is neither an id nor a text as it came.

    Raises:
        UsageError: a question gets one label by its id and another by its text.
    """
    ids = {question.id for question in questions}
    by_text: dict[str, list[str]] = {}
    for question in questions:
        by_text.setdefault(normalized(question.text), []).append(question.id)
    found = {key: label for key, label in labels.items() if key in ids}
    for key, label in labels.items():
        if key not in ids:
            for i in by_text.get(normalized(key), [key]):
                if found.setdefault(i, label) != label:
                    raise UsageError(f"question {i!r} has two labels: {found[i]!r} and {label!r} (by {key[:60]!r})")
    return found


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
                known: pd.DataFrame = frame.astype(object).where(frame.notna(), None)  # NA has no truth value
                return known
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
