"""Files that are whole or absent: written beside and renamed, with digests, never unpickled."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from truthmap.errors import DamagedFileError, StorageError

_READ = 1 << 20
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_UMASK = os.umask(0o077)
os.umask(_UMASK)  # asking means setting: once, before there are threads
_MODE = 0o666 & ~_UMASK
_FOLLOWED: dict[Path, Callable[[Path], None]] = {}


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Return a path beside `path` to write to; on success it is synced and takes the name `path`, else it is removed.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            beside.chmod(_MODE)  # some libraries let nobody but the owner read what they write
            _sync(beside)
            beside.replace(path)
            _sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    for folder, finished in list(_FOLLOWED.items()):
        if folder in path.parents:
            finished(path)


@contextmanager
def followed(folder: Path, finished: Callable[[Path], None]) -> Iterator[None]:
    """Tell `finished` of every file below `folder` (absolute) that is written meanwhile, as soon as it is whole.

    What `finished` raises, whoever wrote the file raises.
    """
    _FOLLOWED[folder] = finished
    try:
        yield
    finally:
        del _FOLLOWED[folder]


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a read-only folder and their like into a `StorageError` that names `path`."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageError(
                f"the disk is full: {path} could not be written; what was finished is kept. "
                "Free some space and start the same command again."
            ) from error
        if error.errno in _FORBIDDEN:
            raise StorageError(
                f"{path} cannot be written: {error.strerror}; choose a folder you may write to"
            ) from error
        raise


def remove_leftovers(folder: Path) -> None:
    """Delete half-written files that a killed process left in `folder` and below."""
    for leftover in folder.rglob(".*.part"):
        leftover.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_write(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read the JSON file `path`.

    Raises:
        DamagedFileError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DamagedFileError(
            f"{path} is damaged: expected JSON, but {error}; delete it to have it made again"
        ) from error


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        _feed(digest.update, lambda: file.read(_READ))
    return digest.hexdigest()


def digest_of(content: Any) -> str:
    """Return the SHA-256 of something that JSON can express; the order of dict keys does not count."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _feed(take: Callable[[bytes], None], give: Callable[[], bytes]) -> None:
    while piece := give():
        take(piece)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise
        # Some file systems cannot sync a folder; the rename is atomic all the same.
    finally:
        os.close(descriptor)
