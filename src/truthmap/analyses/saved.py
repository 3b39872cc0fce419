"""Reading what an analysis left in a folder: `NAME.json` with its tables and figures beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
from pydantic import ValidationError

from truthmap.analyses.base import Result
from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import AnyPath, FolderPath, read_regular
from truthmap.runs.file_names import ANALYSES, most_of
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import analysis_entry, map_key
from truthmap.runs.snapshot import is_run
from truthmap.runs.stored_run import StoredRun
from truthmap.runs.tables import table_in

_AGAIN = "delete it to have it made again"


@dataclass(frozen=True)
class SavedAnalysis:
    """What an analysis left in a folder; each file is read when it is first asked for, and never again.

    In the folder of a run only what its ledger vouches for is read, and only what was made from the map it has now.

    Attributes:
        folder: The folder, a run's `analyses` for one.
        name: The result's name: it is in `NAME.json`.
        run: The run that the folder belongs to, where it is open already.
    """

    folder: AnyPath
    name: str
    run: StoredRun | None = None

    @property
    def path(self) -> AnyPath:
        """The file of the result."""
        return self.folder / f"{self.name}.json"

    @cached_property
    def content(self) -> bytes:
        """The file of the result as it is.

        Raises:
            RunFolderError: it was not made yet, or from an earlier state of the run.
            DamagedFileError: it is not as it was written.
        """
        return self.read(f"{self.name}.json")

    @cached_property
    def plain(self) -> Any:
        """The result as plain data.

        Raises:
            DamagedFileError: it is no JSON.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
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
        return MappingProxyType({name.removesuffix(".parquet"): self.table(name) for name in self.files(".parquet")})

    def table(self, name: str) -> pd.DataFrame:
        """Read one of its tables by its file's name.

        Raises:
            DamagedFileError: it is no Parquet file.
        """
        return table_in(BytesIO(self.read(name)), self.folder / name)

    def files(self, ending: str) -> list[str]:
        """Return the names of the files `NAME.ending` and `NAME_more.ending`, the plain one first."""
        names = self._vouched if self._owner is not None else [path.name for path in Path(self.folder).glob("*")]
        kept = (n for n in names if n.endswith(ending) and (n == self.name + ending or n.startswith(f"{self.name}_")))
        return sorted(kept, key=lambda name: (len(name), name))

    def read(self, name: str) -> bytes:
        """Read one of its files.

        Raises:
            RunFolderError: it was not made yet, or from an earlier state of the run.
            DamagedFileError: it is not as it was written.
        """
        if self._owner is None:
            try:
                return read_regular(self.folder / name, most_of(name))
            except FileNotFoundError as error:
                raise self._absent() from error
        if name not in self._vouched:
            raise self._absent()
        return self._owner.snapshot.read(f"{ANALYSES}/{name}")

    @cached_property
    def _owner(self) -> StoredRun | None:
        folder = run_around(self.folder)
        return self.run if self.run is not None or folder is None else StoredRun(folder)

    @cached_property
    def _vouched(self) -> tuple[str, ...]:
        """The names of the files that the run's ledger vouches for, after seeing that they are as they were written."""
        assert self._owner is not None
        entry = self._owner.added(analysis_entry(self.name))
        if entry is None and not self.path.exists():
            raise self._absent()
        if entry is None:
            raise DamagedFileError(
                f"{self.path} is not in the ledger of the run: it was stopped while it was written, or came from "
                f"elsewhere; make it again with {self._command}"
            )
        if entry.key != map_key(self._owner.snapshot.stages):
            raise RunFolderError(
                f"{self.path} was made from an earlier state of the run; make it again with {self._command}"
            )
        return tuple(name.removeprefix(f"{ANALYSES}/") for name in entry.files)

    def _absent(self) -> RunFolderError:
        return RunFolderError(f"{self.path} is not there yet; make it with {self._command}")

    @property
    def _command(self) -> str:
        return f"`truthmap {self.name.partition('-')[0].replace('_', '-')}`"


def read_analysis(folder: AnyPath, name: str, kind: type[Result]) -> Result:
    """Read a result back.

    Raises:
        RunFolderError: it was not made yet, or from an earlier state of the run.
        DamagedFileError: the file does not hold such a result.
    """
    return SavedAnalysis(folder, name).result(kind)


def read_if_made(run: StoredRun, name: str, kind: type[Result]) -> Result | None:
    """Read back what an analysis wrote into a run; `None` where it wrote nothing.

    Raises:
        RunFolderError: it was made from an earlier state of the run.
        DamagedFileError: the file does not hold such a result.
    """
    if run.folder.entry(analysis_entry(name)) is None:
        return None
    return SavedAnalysis(run.folder / ANALYSES, name, run).result(kind)


def run_around(folder: AnyPath) -> RunFolder | None:
    """Return the run folder that a folder is the `analyses` of, or `None`."""
    if isinstance(folder, FolderPath):
        return folder.owner if folder.name == ANALYSES and isinstance(folder.owner, RunFolder) else None
    return RunFolder(folder.parent) if folder.name == ANALYSES and is_run(folder.parent) else None
