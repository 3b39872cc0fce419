"""A run on disk: where it is, what its ledger vouches for, and what it found in short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from truthmap.errors import DamagedFileError, NotEnoughDataError
from truthmap.runs.file_names import SUMMARY
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import StageEntry
from truthmap.runs.snapshot import Snapshot
from truthmap.runs.summary import Summary

NO_MAP = "no-map"
"""In the ledger: no map can be drawn from the answers, and why."""


@dataclass(frozen=True)
class StoredRun:
    """A run folder, opened for reading.

    Attributes:
        folder: The folder, which knows its address.
        last: The last of the stages that are read.
    """

    folder: RunFolder
    last: str = "figures"

    @property
    def path(self) -> Path:
        """Where it is on this disk: the folder, or the working copy of one at a URL."""
        return self.folder.path

    @property
    def address(self) -> str:
        """Where the run is: the folder's path, or its URL."""
        return self.folder.address

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.folder.name

    @cached_property
    def snapshot(self) -> Snapshot:
        """The run's files, checked against its ledger when they are first asked for."""
        return Snapshot.take(self.folder, self.last if self.why_no_map is None else "states")

    @cached_property
    def summary(self) -> Summary:
        """What the run found, in short.

        Raises:
            NotEnoughDataError: the run has no map.
            DamagedFileError: the summary is damaged.
        """
        if self.why_no_map is not None:
            raise NotEnoughDataError(
                f"the run in {self.address} has no map: {self.why_no_map.rstrip('.')}. Its answers and grades: "
                f"`truthmap show {self.address}`"
            )
        path = self.folder / SUMMARY
        try:
            return Summary.model_validate_json(self.snapshot.read(SUMMARY))
        except ValidationError as error:
            raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; run the study again") from error

    @cached_property
    def why_no_map(self) -> str | None:
        """Why the run has no map; `None` where it has one, or is not finished."""
        ledger = self.folder.entries()
        noted, states = ledger.get(NO_MAP), ledger.get("states")
        is_so = noted is not None and states is not None and noted.key == states.key and "grid" not in ledger
        return str(noted.note.get("why", "")) if noted is not None and is_so else None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What study.yaml says: settings, model identity, versions, digests."""
        return self.snapshot.settings

    @contextmanager
    def held(self, say: Callable[[str], None] = lambda _news: None, *, patient: bool = False) -> Iterator[None]:
        """Hold the run's folder while something is added to it, after seeing that the run is still the one opened.

        Args:
            say: Told what is being waited for.
            patient: Wait up to an hour for another process that is working in it, rather than refuse at once.

        Raises:
            RunFolderError: another run is working in it, or has changed it since it was opened.
        """
        with self.folder.held(say, patient=patient):
            self.snapshot.require_unchanged()
            yield

    def added(self, name: str) -> StageEntry | None:
        """Return what the ledger says of something that was added to the run (samples, an analysis), its files checked.

        Raises:
            RunFolderError: the run itself has changed since it was opened.
            DamagedFileError: a file is missing, or not as it was written.
        """
        entry = self.folder.entry(name)
        if entry is not None:
            self.snapshot.require_unchanged()
            self.snapshot.check(entry)
        return entry
