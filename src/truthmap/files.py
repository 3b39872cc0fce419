"""Files that are whole or absent: written beside and renamed, with digests, never unpickled."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from truthmap.errors import DamagedFileError, StorageError
from truthmap.part_files import held_beside, remove_dead

MOST_JSON = 64 << 20
"""Bytes of the largest JSON file that is read."""
MOST_BYTES = 1 << 50
"""Bytes of the largest file that is read in pieces."""
_READ = 1 << 20
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_SPACE_SAID = "No space left on device"  # by libraries that give no number
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


class FolderOwner(Protocol):
    """A folder that sees to its files: where they really lie, and that they are sent on as soon as they are whole."""

    def guard(self, path: Path) -> None:
        """Refuse a path that leads out of the folder by a link."""
        ...

    def syncing(self) -> AbstractContextManager[None]:
        """Hold the folder, unless it is held already, while files are written in it."""
        ...

    def on_file_written(self, path: Path) -> None:
        """Send a file on; what this raises, whoever wrote the file raises."""
        ...


@dataclass(frozen=True)
class FolderPath:
    """A file or folder of a folder that sees to its files; it may stand for one somewhere else.

    It goes wherever a path goes (`os.PathLike`); `str` gives the address, which is what messages say.

    Attributes:
        local: Where it is on this disk.
        address: What readers call it.
        owner: The folder it lies in.
    """

    local: Path
    address: str
    owner: FolderOwner

    def __fspath__(self) -> str:
        return str(self.local)

    def __str__(self) -> str:
        return self.address

    def __truediv__(self, name: str) -> FolderPath:
        return FolderPath(self.local / name, f"{self.address}/{name}", self.owner)

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


AnyPath = Path | FolderPath
"""What the readers and writers of files take: `Path(path)` is where it is, `str(path)` what messages call it."""


def as_path(path: AnyPath | str) -> AnyPath:
    """Return a path that may have been given as text."""
    return Path(path) if isinstance(path, str) else path


def syncing(path: AnyPath) -> AbstractContextManager[None]:
    """Hold the folder that a path lies in, if it has an owner, while several of its files are written.

    Raises:
        RunFolderError: another is working in that folder.
    """
    return nullcontext() if isinstance(path, Path) else path.owner.syncing()


def open_regular(path: AnyPath, most: int) -> BinaryIO:
    """Open a file for reading, if it is a regular one of at most so many bytes that no link leads to from its folder.

    Raises:
        FileNotFoundError: there is none.
        DamagedFileError: it is a pipe, a device or a folder, it is too large, or a link leads out of its folder.
        StorageError: it cannot be read.
    """
    local = Path(path)
    if isinstance(path, FolderPath):
        path.owner.guard(local)
    with storage_errors(path, "read"):
        # Not to wait for whoever may write into a pipe.
        descriptor = os.open(local, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise DamagedFileError(f"{path} is no regular file; put the file itself there, or delete it")
            if found.st_size > most:
                raise DamagedFileError(f"{path} is damaged: it has {found.st_size:,} bytes, expected at most {most:,}")
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise


def read_regular(path: AnyPath, most: int) -> bytes:
    """Read a file whole: see `open_regular`."""
    with open_regular(path, most) as file, storage_errors(path, "read"):
        return file.read(most + 1)


@contextmanager
def atomic_write(path: AnyPath) -> Iterator[Path]:
    """Return a path beside `path` to write to; on success it is synced and takes the name `path`, else it is removed.

    What killed writers of the same file left beside it is removed, too.

    Raises:
        DamagedFileError: a link leads out of the folder that the file is to lie in.
        StorageError: the disk is full, the folder cannot be written, or something else than a file has the name.
    """
    target = Path(path)
    if isinstance(path, FolderPath):
        path.owner.guard(target.parent)
    with storage_errors(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            raise StorageError(f"{path} is no file and is left as it is; choose another name")
        remove_dead(target)
        with held_beside(target) as temp_path:
            mode = stat.S_IMODE(temp_path.stat().st_mode)
            yield temp_path
            temp_path.chmod(mode)  # some libraries let nobody but the owner read what they write
            _sync(temp_path)
            temp_path.replace(target)
            _sync(target.parent)
    if isinstance(path, FolderPath):
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
def storage_errors(path: AnyPath, done: Literal["written", "read"] = "written") -> Iterator[None]:
    """Turn a full disk, a read-only folder and whatever else a disk can say into a `StorageError` that names `path`.

    That there is no such file is left to whoever reads.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if done == "read" and isinstance(error, FileNotFoundError):
            raise
        if error.errno in _NO_SPACE or _NO_SPACE_SAID in str(error):
            raise StorageError(
                f"the disk is full: {path} could not be written; what was finished is kept. "
                "Free some space and start the same command again."
            ) from error
        if error.errno in _NO_FOLDER and done == "written":
            file = next((above for above in Path(path).parents if above.is_file()), Path(path))
            what = "is a file, and no folder" if file.is_file() else "is no folder"
            raise StorageError(f"{path} cannot be written: {file} {what}; choose another place") from error
        advice = "choose a folder you may write to" if error.errno in _FORBIDDEN else "choose another place"
        if done == "read":
            advice = "see that it can be"
        raise StorageError(f"{path} cannot be {done}: {reason_of(error)}; {advice}") from error
    except UnicodeEncodeError as error:
        raise StorageError(f"{str(path)!r} cannot be {done}: its name is no UTF-8; choose another") from error


def reason_of(error: Exception) -> str:
    """Return in one line what an error says, without the path on this disk, which readers may know otherwise."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(told.split())


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


def read_json(path: AnyPath, most: int = MOST_JSON) -> Any:
    """Read the JSON file `path`, of `most` bytes at most.

    Raises:
        FileNotFoundError: there is none.
        DamagedFileError: it is not JSON, too large or no regular file.
    """
    try:
        return json.loads(read_regular(path, most).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"{path} is damaged: expected JSON, but {error}; delete it to have it made again"
        ) from error


def file_digest(path: AnyPath, most: int = MOST_BYTES) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        FileNotFoundError: there is none.
        DamagedFileError: it is too large or no regular file.
    """
    with open_regular(path, most) as file, storage_errors(path, "read"):
        return stream_digest(file)


def stream_digest(file: BinaryIO) -> str:
    """Return the SHA-256 of the bytes that are left of an open file, in hexadecimal."""
    digest = hashlib.sha256()
    while piece := file.read(_READ):
        digest.update(piece)
    return digest.hexdigest()


def digest_of(content: Any) -> str:
    """Return the SHA-256 of something that JSON can express; the order of dict keys does not count."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


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
