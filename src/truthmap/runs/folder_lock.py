"""One process at a time works in a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from truthmap.errors import RunFolderError
from truthmap.files import storage_errors
from truthmap.runs.file_names import STUDY

LOCK = ".lock"
_PATIENCE = 3600.0
"""Seconds that are waited for another process where waiting is better than refusing."""


@contextmanager
def locked(folder: Path, address: str, *, is_copy: bool, patient: bool = False) -> Iterator[None]:
    """Keep other processes of this machine out of a folder, after seeing that it is a run's or can become one.

    Args:
        folder: The folder.
        address: What messages call it.
        is_copy: It is the working copy of one at a URL: what it may hold is decided there.
        patient: Wait up to an hour for another process that is working in it, rather than refuse at once.

    Raises:
        RunFolderError: another run is working in it, or the folder holds something else.
        StorageError: it cannot be written.
    """
    with storage_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise RunFolderError(f"{address} is a file; name a folder for the run with --out")
        if not is_copy and folder.exists() and not (folder / STUDY).exists():
            leftovers = {entry.name for entry in folder.iterdir()} - {LOCK}
            if any(not name.endswith(".part") for name in leftovers):
                raise RunFolderError(
                    f"{address} is no run folder: it is not empty and has no {STUDY}; choose a new or empty folder"
                )
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / LOCK
        if beside.is_symlink() or (beside.exists() and not beside.is_file()):
            raise RunFolderError(f"{address}/{LOCK} is no regular file; delete it")
        lock = FileLock(beside)
        try:
            lock.acquire(timeout=_PATIENCE if patient else 0)
        except Timeout as error:
            raise RunFolderError(
                f"another run is working in {address}; wait for it or choose another folder"
            ) from error
    try:
        yield
    finally:
        lock.release()
