"""The runs in a folder, each in a line: read from their small files alone, so that many are listed at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from truthmap.errors import DamagedFileError, RunFolderError, TruthmapError
from truthmap.files import read_regular, storage_errors
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position
from truthmap.records import Site
from truthmap.runs.file_names import STUDY, SUMMARY, most_of
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import STAGES, StageEntry
from truthmap.runs.stored_run import StoredRun
from truthmap.runs.summary import Summary

_DEEPEST = 3
"""Folders below the one that is named in which runs are looked for."""


class RunState(StrEnum):
    """How far a run is."""

    MAP = "map"
    NO_MAP = "no map"
    UNFINISHED = "unfinished"
    DAMAGED = "damaged"


class RunListed(BaseModel):
    """A run in a list; what is not known is `None`.

    Attributes:
        run: Its folder.
        state: How far it is.
        model, questions: What was asked of which model.
        right, wrong, unscored: Counts of answers.
        site, layer, position: The best cell.
        test: Its AUC on the test part.
        bytes: What its files take, those elsewhere not counted.
        changed: When it was worked on last, in ISO 8601.
        fault: Why it has no map, where it stopped, or what is damaged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    state: RunState
    model: str | None = None
    questions: str | None = None
    right: int | None = None
    wrong: int | None = None
    unscored: int | None = None
    site: Site | None = None
    layer: int | None = None
    position: Position | None = None
    test: Estimate | None = None
    bytes: int
    changed: str
    fault: str | None = None


def list_runs(folder: Path) -> tuple[RunListed, ...]:
    """Return the runs in a folder and in the folders below it, by name; no link is followed.

    What is listed was read, not checked: `truthmap verify` checks a run.

    Raises:
        RunFolderError: there is no such folder.
        StorageError: it cannot be read.
    """
    if not folder.is_dir():
        raise RunFolderError(f"there is no folder {folder}; name the one that your runs are in, or make a run")
    with storage_errors(folder, "read"):
        return tuple(map(_listed, sorted(_run_folders(folder, _DEEPEST))))


def _run_folders(folder: Path, deepest: int) -> Iterator[Path]:
    if (folder / STUDY).is_file():
        yield folder
    elif deepest:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _run_folders(folder / entry.name, deepest - 1)


def _listed(path: Path) -> RunListed:
    size, changed = _measured(path)
    known: dict[str, Any] = {
        "run": str(path),
        "bytes": size,
        "changed": datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds"),
    }
    try:
        return RunListed(**known, **_read(RunFolder(path)))
    except (TruthmapError, OSError) as error:
        return RunListed(**known, state=RunState.DAMAGED, fault=str(error))


def _read(folder: RunFolder) -> dict[str, Any]:
    settings = folder.settings() or {}
    folder.require_format(settings)
    known: dict[str, Any] = {name: _name(settings["settings"].get(name)) for name in ("model", "questions")}
    entries, why = folder.entries(), StoredRun(folder).why_no_map
    if why is not None:
        return {**known, "state": RunState.NO_MAP, "fault": why}
    if "grid" not in entries:
        missing = next(stage for stage in STAGES if stage not in entries)
        return {**known, "state": RunState.UNFINISHED, "fault": f"{missing} is missing"}
    summary = _summary(folder, entries["grid"])
    told = ("right", "wrong", "unscored", "site", "layer", "position", "test")
    return {**known, "state": RunState.MAP, **{name: getattr(summary, name) for name in told}}


def _summary(folder: RunFolder, grid: StageEntry) -> Summary:
    path = folder / SUMMARY
    content = read_regular(path, most_of(SUMMARY))
    if hashlib.sha256(content).hexdigest() != grid.files.get(SUMMARY):
        raise DamagedFileError(f"{path} is damaged: it is not as it was written")
    try:
        return Summary.model_validate_json(content)
    except ValidationError as error:
        raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults") from error


def _name(section: Any) -> str | None:
    name = section.get("name") if isinstance(section, dict) else None
    return None if name is None else str(name)


def _measured(path: Path) -> tuple[int, float]:
    """Return the bytes of all files in a folder, and when one was written last; links count for nothing."""
    size, changed = 0, 0.0
    for root, _, files in os.walk(path, followlinks=False):
        for name in files:
            found = (Path(root) / name).lstat()
            size, changed = size + found.st_size, max(changed, found.st_mtime)
    return size, changed
