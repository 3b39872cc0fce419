"""Run folders at a URL: a local working copy, which fetches what has changed and sends each file when it is whole.

The folder at the URL is the truth. What is only in the working copy is dropped when the folder is held next.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from truthmap.errors import RunFolderError, StorageError, UsageError
from truthmap.files import followed, read_json, write_text
from truthmap.runs.lease import Lease, leased
from truthmap.storage import RemoteStorage, cache_folder, is_remote

_MIRRORS = "mirrors"
_BOOKS = ".mirror"
_STATES = "states"
_LONGEST = 240
_SPOKEN = re.compile(rf"[^\s'\"`]*[/\\]{_MIRRORS}[/\\]([A-Za-z0-9+.\-]+%3A%2F%2F[^\s/\\'\"`]+)")

_held: dict[Path, _Holding] = {}


def local_folder(address: Path | str) -> Path:
    """Return the folder to work in: the one at a path itself; for a URL, its working copy in the user's cache.

    The working copy's name is the URL, so that either leads to the other. Nothing is fetched or made.

    Raises:
        UsageError: the URL is too long, or names no folder.
    """
    if isinstance(address, Path) or not is_remote(address):
        return Path(address)
    scheme, _, rest = address.partition("://")
    if scheme in {"file", "local"}:
        return Path(unquote(rest))
    name = quote(f"{scheme.lower()}://{rest.strip('/')}", safe="")
    if not rest.strip("/") or len(name) > _LONGEST:
        raise UsageError(
            f"{address!r} names no folder for a run: expected a URL such as s3://bucket/run, shorter than {_LONGEST} "
            "characters"
        )
    return cache_folder().absolute() / _MIRRORS / name


def remote_copy_of(folder: Path) -> RemoteCopy | None:
    """Return the mirror that a folder is the working copy of, or `None`: it is a folder of its own."""
    address = unquote(folder.name)
    return RemoteCopy(address, folder) if folder.parent.name == _MIRRORS and is_remote(address) else None


def spoken(text: str) -> str:
    """Say a text for readers: working copies by their URLs."""
    return _SPOKEN.sub(lambda found: unquote(found[1]), text)


@contextmanager
def syncing(path: Path) -> Iterator[None]:
    """Have what is written at `path` sent on, if it lies in the working copy of a URL; hold that folder meanwhile.

    Raises:
        RunFolderError: another is working in that folder.
    """
    from truthmap.runs.folder import RunFolder

    copy = next((folder for folder in (path, *path.parents) if remote_copy_of(folder) is not None), None)
    if copy is None or copy in _held:
        yield
        return
    with RunFolder(copy).held():
        yield


def check_held(folder: Path) -> None:
    """See that a folder that mirrors a URL is still held by this process; of another there is nothing to see.

    Raises:
        RunFolderError: another process has taken it over.
    """
    if folder in _held:
        _held[folder].lease.check()


def remove_folder(folder: Path) -> None:
    """Delete a folder and all in it; at the URL, too, if it lies in the working copy of one that is held."""
    if not folder.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for copy, holding in list(_held.items()):
        if copy in folder.parents:
            holding.settle()


@dataclass(frozen=True)
class RemoteCopy:
    """A folder at a URL and its working copy.

    Attributes:
        address: The URL.
        folder: The working copy; whoever changes it holds its lock.
    """

    address: str
    folder: Path

    @property
    def is_held(self) -> bool:
        """Whether this process is working in it."""
        return self.folder in _held

    @property
    def states(self) -> str:
        """Where the hidden states are: they are read and written there, in ranges, and never copied."""
        return f"{self.address}/{_STATES}"

    @cached_property
    def place(self) -> RemoteStorage:
        """The folder at the URL."""
        return RemoteStorage(self.address)

    @contextmanager
    def held(self, mark: str, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the folder at the URL: fetch what it has, and send on every file that is finished meanwhile.

        Args:
            mark: The file that a folder of this kind has.
            say: Told what is being waited for.

        Raises:
            RunFolderError: somebody is working in it, or it holds something else.
            StorageError: it cannot be reached or written.
        """
        _refuse_others(self.address, mark, self.place.versions())
        with leased(self.place, self._home(), say) as lease:
            holding = _Holding(self, lease, self.pull(mark))
            _held[self.folder] = holding
            try:
                with followed(self.folder, holding.send):
                    yield
                holding.settle()
            finally:
                del _held[self.folder]

    def pull(self, mark: str, *, anew: bool = False) -> dict[str, Any]:
        """Make the working copy what the folder at the URL is, and give what is known of each file.

        Args:
            mark: The file that a folder of this kind has.
            anew: Fetch everything, even what seems unchanged.

        Raises:
            RunFolderError: it holds something else.
            StorageError: it cannot be reached.
        """
        there = self.place.versions()
        _refuse_others(self.address, mark, there)
        wanted = {name: version for name, version in there.items() if _travels(name)}
        before = {} if anew else self._seen()
        seen = {}
        for name, version in sorted(wanted.items()):
            known = [version, *_stamp(self.folder / name)]
            if version is None or before.get(name) != known:
                self._fetch(name)
            if (self.folder / name).is_file():
                seen[name] = [version, *_stamp(self.folder / name)]
        for name in self.names() - wanted.keys():
            (self.folder / name).unlink()
        self.note(seen)
        return seen

    def names(self) -> set[str]:
        """Return the files of the working copy that belong at the URL."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {name for path in files if _travels(name := path.relative_to(self.folder).as_posix())}

    def note(self, seen: Mapping[str, Any]) -> None:
        """Write down which version of each file at the URL the working copy has."""
        write_text(self.folder / _BOOKS / "seen.json", json.dumps(seen))

    def _fetch(self, name: str) -> None:
        try:
            self.place.fetch(name, self.folder / name)
        except FileNotFoundError:  # deleted since it was listed
            (self.folder / name).unlink(missing_ok=True)
        except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
            raise StorageError(f"{self.address}/{name} is a file and a folder at once: {error}") from error

    def _home(self) -> str:
        path = self.folder / _BOOKS / "home"
        if not path.exists():
            write_text(path, secrets.token_hex(8))
        return path.read_text(encoding="utf-8")

    def _seen(self) -> dict[str, Any]:
        path = self.folder / _BOOKS / "seen.json"
        known = read_json(path) if path.exists() else {}
        return known if isinstance(known, dict) else {}


@dataclass(frozen=True)
class _Holding:
    """A mirror while this process holds it.

    Attributes:
        seen: For each file of the working copy the version at the URL and the local stamp that go together.
    """

    mirror: RemoteCopy
    lease: Lease
    seen: dict[str, Any]

    def send(self, path: Path) -> None:
        """Send a finished file, if we still may."""
        name = path.relative_to(self.mirror.folder).as_posix()
        if not _travels(name):
            return
        self.lease.check()
        self.mirror.place.upload(name, path)
        self.seen[name] = [self.mirror.place.version(name), *_stamp(path)]
        self.mirror.note(self.seen)

    def settle(self) -> None:
        """Delete at the URL what was deleted in the working copy."""
        gone = sorted(self.seen.keys() - self.mirror.names())
        if gone:
            self.lease.check()
        for name in gone:
            self.mirror.place.remove(name)
            del self.seen[name]
        self.mirror.note(self.seen)


def _refuse_others(address: str, mark: str, names: dict[str, str | None]) -> None:
    """Refuse a folder that holds something else, or files that could land outside the working copy."""
    others = [name for name in names if _travels(name)]
    if others and mark not in names:
        raise RunFolderError(
            f"{address} is not empty and has no {mark}: it is neither what was asked for nor free for a new run; "
            "choose another URL"
        )
    for name in others:
        if not name or "\\" in name or ":" in name or {".", "..", ""} & {*name.split("/")}:
            raise RunFolderError(f"{address} has an object named {name!r}, which can be no file of a run; remove it")


def _travels(name: str) -> bool:
    """Tell whether a file goes between the folder at the URL and the working copy."""
    if not name or name.endswith(("/", ".part")):  # some stores mark folders with an empty object
        return False
    first = name.split("/", maxsplit=1)[0]
    return first == ".." or (first != _STATES and not first.startswith("."))


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a local file does: its size and the time it was written; (-1, -1): there is none."""
    if not path.is_file():
        return -1, -1
    about = path.stat()
    return about.st_size, about.st_mtime_ns
