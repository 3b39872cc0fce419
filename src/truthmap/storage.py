"""Where whole files are kept: a folder of this machine, or anything that fsspec opens (`s3://bucket/run`)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from platformdirs import user_cache_path

from truthmap.errors import StorageError, UsageError
from truthmap.files import MOST_BYTES, AnyPath, FolderPath, as_path, atomic_write, open_regular, storage_errors

MOST_WHOLE = 1 << 30
"""Bytes of the largest file that is read whole: a store's index."""
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "mtime", "created", "LastModified", "last_modified", "blob_id")
"""What file systems of fsspec call the mark of a file's version, the surest first."""


class Storage(Protocol):
    """Files by name, each whole or absent, read in ranges."""

    @property
    def address(self) -> str:
        """Where this is, for messages."""
        ...

    def written(self, name: str) -> Any:
        """Give, as a context, a local path to write to; when it ends without a fault, the file appears whole."""
        ...

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Read the bytes `[start, end)` of a file, to its end by default.

        Raises:
            FileNotFoundError: there is no such file.
        """
        ...

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of every file."""
        ...

    def size(self, name: str) -> int | None:
        """Return the size of one file in bytes; `None` where there is none."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        ...


class LocalStorage:
    """A folder of this machine's file system: files are written beside and renamed, links not followed."""

    def __init__(self, folder: AnyPath) -> None:
        self._folder = folder

    @property
    def address(self) -> str:
        """The folder."""
        return str(self._folder)

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        """Return a path beside the file's; see `atomic_write`."""
        with atomic_write(self._folder / name) as temp_path:
            yield temp_path

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Read a range of a file, to its end `MOST_WHOLE` bytes at most."""
        most = MOST_WHOLE if end is None else MOST_BYTES
        with open_regular(self._folder / name, most) as file, storage_errors(self._folder / name, "read"):
            file.seek(start)
            return file.read() if end is None else file.read(end - start)

    def sizes(self) -> dict[str, int]:
        """Return the size of every file, half-written ones left out."""
        folder = Path(self._folder)
        if not folder.is_dir():
            return {}
        if isinstance(self._folder, FolderPath):
            self._folder.owner.guard(folder)
        return {
            path.name: path.lstat().st_size
            for path in folder.iterdir()
            if path.is_file() and not path.name.startswith(".")
        }

    def size(self, name: str) -> int | None:
        """Return the size of one file."""
        path = Path(self._folder / name)
        return path.lstat().st_size if path.is_file() else None

    def remove(self, name: str) -> None:
        """Delete a file, if it is there; of a link, the link."""
        if isinstance(self._folder, FolderPath):
            self._folder.owner.guard(Path(self._folder))
        with storage_errors(self._folder / name):
            Path(self._folder / name).unlink(missing_ok=True)


class RemoteStorage:
    """A folder of a file system that fsspec opens.

    Object stores have no rename, and need none: an object appears when its upload is complete. What counts is the order
    of the uploads; whoever writes several files writes the one that names the others last.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        self._address = address.rstrip("/")
        try:
            # Not every file system heeds this: what it was told before is forgotten where a listing must be of now.
            self._files, self._root = fsspec.core.url_to_fs(self._address, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise UsageError(
                f"{address} cannot be opened: {error}; for s3:// run: pip install 'truthmap[s3]'"
            ) from error

    @property
    def address(self) -> str:
        """The URL."""
        return self._address

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        """Return a path in a temporary folder; it is uploaded at the end."""
        with tempfile.TemporaryDirectory(prefix="truthmap-") as folder:
            path = Path(folder) / name
            with storage_errors(path):
                yield path
            self.upload(name, path)

    def upload(self, name: str, source: Path) -> None:
        """Write an object with the content of a local file."""
        with self._as_storage_error(name):
            try:
                self._files.put_file(str(source), self._at(name))
            except FileNotFoundError as error:  # the bucket, not the file
                raise StorageError(f"{self._address}/{name} cannot be reached: {error}") from error

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Read a range of an object."""
        with self._as_storage_error(name):
            return bytes(self._files.cat_file(self._at(name), start=start, end=end))

    def sizes(self) -> dict[str, int]:
        """Return the size of every object right under the address."""
        with self._as_storage_error(""):
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._root, detail=True)
            except FileNotFoundError:
                return {}
        return {Path(entry["name"]).name: int(entry["size"]) for entry in found if entry["type"] == "file"}

    def size(self, name: str) -> int | None:
        """Return the size of one object."""
        with self._as_storage_error(name):
            try:
                return int(self._files.size(self._at(name)))
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> None:
        """Delete an object, if it is there."""
        with self._as_storage_error(name):
            try:
                self._files.rm_file(self._at(name))
            except FileNotFoundError:
                return

    def claim(self, name: str, content: bytes) -> bool:
        """Write an object only if there is none of that name; tell whether it was written.

        Of several who try at once one succeeds where the store has a conditional write (S3, Google Cloud Storage, Azure
        and file systems have).
        """
        with self._as_storage_error(name):
            self._files.invalidate_cache()
            try:
                self._files.pipe_file(self._at(name), content, mode="create")
            except FileExistsError:
                return False
            except FileNotFoundError as error:  # the bucket, not the file
                raise StorageError(f"{self._address}/{name} cannot be reached: {error}") from error
        return True

    def put(self, name: str, content: bytes) -> None:
        """Write an object, over the one that is there."""
        with self._as_storage_error(name):
            self._files.pipe_file(self._at(name), content)

    def versions(self) -> dict[str, str | None]:
        """Return every object at any depth, by its name below the address, with its version: see `version`."""
        with self._as_storage_error(""):
            self._files.invalidate_cache()
            try:
                found = self._files.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
        root = f"{self._root.rstrip('/')}/"
        return {path.removeprefix(root): _version(about) for path, about in found.items() if about["type"] == "file"}

    def version(self, name: str) -> str | None:
        """Return what changes whenever an object is written anew with other content; `None`: the store does not say."""
        with self._as_storage_error(name):
            return _version(self._files.info(self._at(name)))

    def fetch(self, name: str, into: Path) -> None:
        """Download an object to a local path, whole or not at all."""
        with (
            self._as_storage_error(name),
            self._files.open(self._at(name), "rb") as source,
            atomic_write(into) as temp_path,
            temp_path.open("wb") as file,
        ):
            shutil.copyfileobj(source, file)

    def under(self, name: str) -> RemoteStorage:
        """Return the folder `name` below this one."""
        return RemoteStorage(f"{self._address}/{name}")

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _as_storage_error(self, name: str) -> Iterator[None]:
        """Name the object in whatever the file system raises."""
        try:
            yield
        except (FileNotFoundError, FileExistsError, StorageError):
            raise
        except Exception as error:  # every backend of fsspec raises its own library's errors
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise StorageError(f"{self._address}/{name} cannot be reached: {reason}") from error


def _version(about: Mapping[str, Any]) -> str | None:
    known = next((about[key] for key in _VERSIONS if about.get(key) is not None), None)
    return None if known is None else f"{about['size']} {known}"


def cache_folder() -> Path:
    """Return truthmap's cache folder: `$TRUTHMAP_CACHE`, else the platform's usual place."""
    chosen = os.environ.get("TRUTHMAP_CACHE")
    return Path(chosen) if chosen else user_cache_path("truthmap")


def is_remote(address: str) -> bool:
    """Tell whether an address is a URL of something that fsspec opens, rather than a folder."""
    return "://" in address


def storage_at(address: AnyPath | str) -> Storage:
    """Return the place at an address: a folder's path, or a URL."""
    return RemoteStorage(address) if isinstance(address, str) and is_remote(address) else LocalStorage(as_path(address))
