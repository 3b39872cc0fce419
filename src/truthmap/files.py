"""Files that are whole or absent: written beside and renamed, with digests, never unpickled."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from truthmap.errors import DamagedFileError, StorageError

_READ = 1 << 20
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


class Synced(Protocol):
    """A folder whose files are sent somewhere else as soon as they are whole."""

    def syncing(self) -> AbstractContextManager[None]:
        """Hold the folder, unless it is held already, while files are written in it."""
        ...

    def on_file_written(self, path: Path) -> None:
        """Send a file on; what this raises, whoever wrote the file raises."""
        ...


@dataclass(frozen=True)
class SyncedPath:
    """A file or folder on this disk that stands for one somewhere else: readers are told that one's address.

    It goes wherever a path goes (`os.PathLike`); `str` gives the address, which is what messages say.

    Attributes:
        local: Where it is on this disk.
        address: What readers call it.
        owner: The folder it lies in.
    """

    local: Path
    address: str
    owner: Synced

    def __fspath__(self) -> str:
        return str(self.local)

    def __str__(self) -> str:
        return self.address

    def __truediv__(self, name: str) -> SyncedPath:
        return SyncedPath(self.local / name, f"{self.address}/{name}", self.owner)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.local.name

    @property
    def suffix(self) -> str:
        """The ending of the file's name."""
        return self.local.suffix

    def exists(self) -> bool:
        """Tell whether it is there."""
        return self.local.exists()

    def is_file(self) -> bool:
        """Tell whether it is a file."""
        return self.local.is_file()

    def is_dir(self) -> bool:
        """Tell whether it is a folder."""
        return self.local.is_dir()


AnyPath = Path | SyncedPath
"""What the readers and writers of files take: `Path(path)` is where it is, `str(path)` what messages call it."""


def as_path(path: AnyPath | str) -> AnyPath:
    """Return a path that may have been given as text."""
    return Path(path) if isinstance(path, str) else path


def syncing(path: AnyPath) -> AbstractContextManager[None]:
    """Hold the folder that a path lies in, if its files are sent on, while several of them are written.

    Raises:
        RunFolderError: another is working in that folder.
    """
    return nullcontext() if isinstance(path, Path) else path.owner.syncing()


@contextmanager
def atomic_write(path: AnyPath) -> Iterator[Path]:
    """Return a path beside `path` to write to; on success it is synced and takes the name `path`, else it is removed.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    target = Path(path)
    temp_path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temp_path.touch()
            mode = stat.S_IMODE(temp_path.stat().st_mode)
            yield temp_path
            temp_path.chmod(mode)  # some libraries let nobody but the owner read what they write
            _sync(temp_path)
            temp_path.replace(target)
            _sync(target.parent)
        finally:
            temp_path.unlink(missing_ok=True)
    if isinstance(path, SyncedPath):
        path.owner.on_file_written(target)


def is_path(name: str) -> bool:
    """Tell whether a name must mean a path on this machine, and cannot be that of something on a hub.

    It begins like one (`./`, `../`, `/`, `~`) or ends in a slash.
    """
    return name.startswith((".", "/", "~")) or name.endswith("/")


def is_inside(name: Any) -> bool:
    """Tell whether something from elsewhere is the name of a file below a folder, never of one outside it."""
    return isinstance(name, str) and not {"", ".", ".."} & {*name.split("/")} and not {*name} & {*"\\:"}


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
        if error.errno in _NO_FOLDER:
            file = next((above for above in path.parents if above.is_file()), path)
            what = "is a file, and no folder" if file.is_file() else "is no folder"
            raise StorageError(f"{path} cannot be written: {file} {what}; choose another place") from error
        if error.errno in _FORBIDDEN:
            raise StorageError(
                f"{path} cannot be written: {error.strerror}; choose a folder you may write to"
            ) from error
        raise


def reason_of(error: Exception) -> str:
    """Return in one line what an error says, without the path on this disk, which readers may know otherwise."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(told.split())


def remove_leftovers(folder: Path) -> None:
    """Delete half-written files that a killed process left in `folder` and below."""
    for leftover in folder.rglob(".*.part"):
        leftover.unlink(missing_ok=True)


def write_bytes(path: AnyPath, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_write(path) as temp_path:
        temp_path.write_bytes(content)


def write_text(path: AnyPath, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: AnyPath, content: Any) -> None:
    """Write `content` to `path` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: AnyPath) -> Any:
    """Read the JSON file `path`.

    Raises:
        DamagedFileError: it is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
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
