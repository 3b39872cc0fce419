"""Removing runs: what a run of ours wrote, and nothing else; a link is neither followed nor removed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from truthmap.errors import DamagedFileError, RunFolderError, UsageError
from truthmap.files import storage_errors
from truthmap.runs import file_names
from truthmap.runs.folder import FORMAT, RunFolder, run_folder
from truthmap.runs.folder_lock import LOCK
from truthmap.runs.ledger import STAGES

_IN_FOLDERS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{file_names.STATES}/(\d+\.safetensors|index\.json)",
        rf"{file_names.SAMPLE_STATES}/\w+\.safetensors",
        rf"({'|'.join(file_names.SCRATCH)}|{file_names.SAMPLE_PARTS})/([\w-]+/)*[\w-]+\.(parquet|json)",
        rf"{file_names.LOOKS}/\w+\.json",
        rf"{file_names.ANALYSES}/[\w-]+\.(json|parquet|png|svg)",
        rf"{file_names.DETECTOR}/([a-z_]+\.(json|safetensors|png|svg)|README\.md)",
        r"([\w-]+/)*\.[^/]+\.[0-9a-f]{8}\.part",
    )
)
_FOLDERS = {
    file_names.STATES,
    file_names.SAMPLE_STATES,
    file_names.SAMPLE_PARTS,
    *file_names.SCRATCH,
    file_names.LOOKS,
    file_names.ANALYSES,
    file_names.DETECTOR,
}


class RemovedRun(BaseModel):
    """A run that was removed, or that can be.

    Attributes:
        run: Its folder.
        files: How many files of it.
        bytes: What they take.
        left: What is in the folder and no run wrote, links among it: it stays, and the folder with it.
        states_at: Where its states are, if they are elsewhere: they stay.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    files: int
    bytes: int
    left: tuple[str, ...]
    states_at: str | None


def removable(addresses: Sequence[str]) -> tuple[RemovedRun, ...]:
    """Return what removing runs would remove, after seeing that each is a run of ours.

    Raises:
        UsageError: none is named, or one is at a URL.
        RunFolderError: one is no run, is reached by a link, or somebody is working in it.
        DamagedFileError: its study.yaml is not as a run wrote it.
    """
    if not addresses:
        raise UsageError("expected a run to remove, got none; name its folder")
    found = []
    for address in dict.fromkeys(addresses):
        folder = _own_run(address)
        with folder.held():
            found.append(_walked(folder, remove=False))
    return tuple(found)


def remove_run(address: str) -> RemovedRun:
    """Remove a run; the ledger goes first and study.yaml last, so that what a killed command left can be removed, too.

    Raises:
        UsageError, RunFolderError, DamagedFileError: as `removable` says.
        StorageError: a file cannot be removed.
    """
    folder = _own_run(address)
    with folder.held(), storage_errors(folder.root):
        folder.remove(file_names.LEDGER)
        removed = _walked(folder, remove=True)
        for name in (file_names.STUDY, LOCK):
            (folder.path / name).unlink(missing_ok=True)
        with suppress(OSError):  # something is left in it
            folder.path.rmdir()
    return removed


def _own_run(address: str) -> RunFolder:
    folder = run_folder(address)
    if folder.is_remote:
        raise UsageError(f"{address} is at a URL: runs are removed on this machine only; use the store's own tools")
    if folder.path.is_symlink():
        raise RunFolderError(f"{address} is a link: name the folder that it leads to, {folder.path.resolve()}")
    settings = folder.settings() if folder.path.is_dir() else None
    if settings is None:
        raise RunFolderError(f"{address} is no run folder: it has no {file_names.STUDY}; nothing was removed")
    if not _is_ours(settings):
        raise DamagedFileError(f"{address}/{file_names.STUDY} was not written by a run; nothing was removed")
    return folder


def _is_ours(settings: Mapping[str, Any]) -> bool:
    """Tell whether a study.yaml is one that a run wrote: this format's has a seal, which was checked."""
    found, keys = settings.get("format"), settings.get("keys")
    return found == FORMAT or (isinstance(found, int) and isinstance(keys, dict) and bool(set(keys) & set(STAGES)))


def _walked(folder: RunFolder, *, remove: bool) -> RemovedRun:
    """Go through a run's folder from below, and remove what is the run's, or only count it."""
    left: list[str] = []
    files = size = 0
    for root, folders, names, at in os.fwalk(folder.path, topdown=False, follow_symlinks=False):
        inside = Path(root).relative_to(folder.path)
        for name in names:
            relative = (inside / name).as_posix()
            found = os.stat(name, dir_fd=at, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode) or not _is_of_a_run(relative):
                left.append(relative)
                continue
            files, size = files + 1, size + found.st_size
            if remove and relative not in (file_names.STUDY, LOCK):
                os.unlink(name, dir_fd=at)
        for name in folders:
            relative = (inside / name).as_posix()
            if (folder.path / relative).is_symlink():
                left.append(relative)
            elif remove and relative.split("/")[0] in _FOLDERS:
                with suppress(OSError):  # something is left in it
                    os.rmdir(name, dir_fd=at)
    states_at = (folder.settings() or {}).get("states_at")
    named = None if states_at is None else str(states_at)
    return RemovedRun(run=folder.address, files=files, bytes=size, left=tuple(sorted(left)), states_at=named)


def _is_of_a_run(name: str) -> bool:
    return name in file_names.FILES or name == LOCK or any(pattern.fullmatch(name) for pattern in _IN_FOLDERS)
