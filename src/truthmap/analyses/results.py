"""What an analysis leaves in a folder: `NAME.json` with its table and its figure beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure
from pydantic import BaseModel, ValidationError

from truthmap.analyses.base import Result
from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.figures.canvas import save_figure
from truthmap.files import AnyPath, atomic_write, reason_of, syncing, write_json

_AGAIN = "delete it to have it made again"


@dataclass(frozen=True)
class SavedAnalysis:
    """What an analysis left in a folder; each file is read when it is first asked for, and never again.

    Attributes:
        folder: The folder, a run's `analyses` for one.
        name: The result's name: it is in `NAME.json`.
    """

    folder: AnyPath
    name: str

    @property
    def path(self) -> AnyPath:
        """The file of the result."""
        return self.folder / f"{self.name}.json"

    @cached_property
    def content(self) -> bytes:
        """The file of the result as it is.

        Raises:
            RunFolderError: it was not made yet.
        """
        if not self.path.is_file():
            raise RunFolderError(f"{self.path} is not there yet; make it with `truthmap {self.name}`")
        return Path(self.path).read_bytes()

    @cached_property
    def plain(self) -> Any:
        """The result as plain data.

        Raises:
            DamagedFileError: it is no JSON.
        """
        try:
            return json.loads(self.content)
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise DamagedFileError(f"{self.path} is damaged: expected JSON, but {error}; {_AGAIN}") from error

    def result(self, kind: type[Result]) -> Result:
        """Return the result as what it was saved from.

        Raises:
            RunFolderError: it was not made yet.
            DamagedFileError: the file does not hold such a result.
        """
        try:
            return kind.model_validate(self.plain)
        except ValidationError as error:
            raise DamagedFileError(f"{self.path} is damaged: {error.error_count()} faults; make it again") from error

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables `NAME.parquet` and `NAME_more.parquet` by their names, the plain one first.

        Raises:
            DamagedFileError: one is no Parquet file.
        """
        return MappingProxyType({path.stem: read_table(path) for path in self.files(".parquet")})

    def files(self, ending: str) -> list[Path]:
        """Return the files `NAME.ending` and `NAME_more.ending`, the plain one first."""
        folder = Path(self.folder)
        found = [*folder.glob(f"{self.name}{ending}"), *folder.glob(f"{self.name}_*{ending}")]
        return sorted(found, key=lambda path: (len(path.stem), path))


def read_analysis(folder: AnyPath, name: str, kind: type[Result]) -> Result:
    """Read a result back.

    Raises:
        RunFolderError: it was not made yet.
        DamagedFileError: the file does not hold such a result.
    """
    return SavedAnalysis(folder, name).result(kind)


def write_analysis(folder: AnyPath, name: str, result: BaseModel, table: pd.DataFrame, figure: Figure) -> None:
    """Write a result, its table and its figure (PNG and SVG) into `folder`."""
    with syncing(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_table(folder / f"{name}.parquet", table)
        for kind in ("png", "svg"):
            save_figure(figure, folder / f"{name}.{kind}")
        # Last: where the result is, all of it is.
        write_json(folder / f"{name}.json", result.model_dump(mode="json"))


def write_table(path: AnyPath, table: pd.DataFrame) -> None:
    """Write a table, whole or not at all."""
    with syncing(path), atomic_write(path) as temp_path:
        table.to_parquet(temp_path, index=False)


def read_table(path: AnyPath) -> pd.DataFrame:
    """Read a table back.

    Raises:
        DamagedFileError: it is no Parquet file.
    """
    try:
        with Path(path).open("rb") as file:
            return pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({reason_of(error)}); {_AGAIN}") from error


def estimates_table(results: Sequence[BaseModel], estimates: Sequence[str]) -> pd.DataFrame:
    """Return results as a table, a row each; an `Estimate` in the field NAME becomes NAME, NAME_low and NAME_high."""
    rows = []
    for result in results:
        row = result.model_dump(mode="json", exclude=set(estimates))
        for name in estimates:
            estimate = getattr(result, name)
            for field, end in (("value", ""), ("low", "_low"), ("high", "_high")):
                row[f"{name}{end}"] = None if estimate is None else getattr(estimate, field)
        rows.append(row)
    frame: pd.DataFrame = pd.DataFrame(rows)
    return frame
