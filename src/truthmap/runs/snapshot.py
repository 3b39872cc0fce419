"""What a command reads of a run: checked against the ledger when it is opened, once, and the same files until the end.

Nobody is kept from working in the folder meanwhile. Files there are replaced and never changed, so that a file which is
no longer the one that was checked shows by its stamp, and is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import FolderPath, open_regular, storage_errors, stream_digest
from truthmap.runs.file_names import LEDGER, STUDY, SUMMARY, most_of
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import STAGES, StageEntry

Stamp = tuple[int, int, int, int]
"""What changes when a file is replaced: device, number, size, and when it was written."""


@dataclass
class Snapshot:
    """A run as it was when it was opened.

    Attributes:
        folder: Its folder.
        settings: What study.yaml says.
        stages: What the ledger says of the stages that are read.
    """

    folder: RunFolder
    settings: Mapping[str, Any]
    stages: Mapping[str, StageEntry]
    _stamps: dict[str, Stamp] = field(default_factory=dict, repr=False)

    @classmethod
    def take(cls, folder: RunFolder, last: str = "figures") -> Snapshot:
        """Check all that the ledger says of a run, up to a stage.

        Raises:
            RunFolderError: the folder is no run, one of another version or not finished, or its files were not all made
                with its settings.
            DamagedFileError: a file is missing, or not as it was written.
        """
        settings = _settings(folder)
        entries = folder.entries()
        stages = {stage: entries[stage] for stage in STAGES[: STAGES.index(last) + 1] if stage in entries}
        _require_one_state(folder, settings, stages, last)
        taken = cls(folder, settings, stages)
        for entry in stages.values():
            taken.check(entry)
        return taken

    def check(self, entry: StageEntry) -> None:
        """See that the files of an entry are those that were written, and remember which they are.

        Raises:
            DamagedFileError: one is missing, or not as it was written.
        """
        for name, digest in entry.files.items():
            path = self.folder / name
            try:
                with open_regular(path, most_of(name)) as file, storage_errors(path, "read"):
                    if stream_digest(file) != digest:
                        raise DamagedFileError(f"{path} is damaged: it is not as it was written; {self._repair}")
                    self._stamps[name] = _stamp(file)
            except FileNotFoundError as error:
                raise DamagedFileError(f"{path} is missing; {self._repair}") from error

    def has(self, name: str) -> bool:
        """Tell whether a file is one of those that were checked."""
        return name in self._stamps

    def open(self, name: str) -> BinaryIO:
        """Open a file that was checked.

        Raises:
            RunFolderError: the run has no such file, or it was written anew since.
        """
        path = self.folder / name
        if name not in self._stamps:
            raise RunFolderError(f"{self.folder.address} has no {name}; run the study again to have it made")
        try:
            file = open_regular(path, most_of(name))
        except FileNotFoundError as error:
            raise self._changed(path) from error
        if _stamp(file) != self._stamps[name]:
            file.close()
            raise self._changed(path)
        return file

    def read(self, name: str) -> bytes:
        """Read a file that was checked: see `open`."""
        with self.open(name) as file, storage_errors(self.folder / name, "read"):
            return file.read()

    def require_unchanged(self) -> None:
        """See that the stages of the run are still those that were opened.

        Raises:
            RunFolderError: they are not.
        """
        entries = self.folder.entries()
        if any(entries.get(stage) != entry for stage, entry in self.stages.items()):
            raise self._changed(self.folder / LEDGER)

    def _changed(self, path: FolderPath) -> RunFolderError:
        return RunFolderError(
            f"{path} was written anew since {self.folder.address} was opened: wait for the run that is working in it, "
            "and start this command again"
        )

    @property
    def _repair(self) -> str:
        return f"`truthmap verify {self.folder.address} --repair` has it made again"


def _settings(folder: RunFolder) -> Mapping[str, Any]:
    with storage_errors(folder.root, "read"):
        there, has_study = folder.path.exists(), (folder.path / STUDY).exists()
    if not there:
        raise RunFolderError(
            f"{folder.address} is no run folder: it does not exist; make one with `truthmap run --out {folder.address}`"
        )
    if not has_study:
        raise RunFolderError(f"{folder.address} is no run folder: it has no {STUDY}; name the folder of a run")
    settings = folder.settings() or {}
    folder.require_format(settings)
    return settings


def _require_one_state(
    folder: RunFolder, settings: Mapping[str, Any], stages: Mapping[str, StageEntry], last: str
) -> None:
    """See that all stages are there, and were made with the settings that study.yaml has now."""
    keys = settings.get("keys")
    if not isinstance(keys, dict):
        raise DamagedFileError(f"{folder / STUDY} has no keys; start the same `truthmap run` with --update")
    others = [stage for stage, entry in stages.items() if entry.key != keys.get(stage)]
    wanted = STAGES[: STAGES.index(last) + 1]
    missing = [stage for stage in wanted if stage not in stages]
    again = f"start the same `truthmap run --out {folder.address}` again"
    if others and not missing:
        missing = others
    if others or (missing and stages and (folder.path / SUMMARY).exists()):
        raise RunFolderError(
            f"{folder.address} is between two states: {', '.join(dict.fromkeys([*others, *missing]))} "
            f"{'was' if len({*others, *missing}) == 1 else 'were'} not made with the settings that it has now. "
            f"An update was stopped or is still running: {again} to end it"
        )
    if missing:
        raise RunFolderError(f"the run in {folder.address} is not finished ({missing[0]} is missing); {again} to go on")


def _stamp(file: BinaryIO) -> Stamp:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run, finished or not."""
    return (folder / STUDY).is_file()
