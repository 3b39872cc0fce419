"""Run folders at a URL: a local working copy, which fetches what has changed and sends each file when it is whole.

The folder at the URL is the truth. What is only in the working copy is dropped when the folder is held next.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from truthmap.errors import RunFolderError, StorageError, UsageError
from truthmap.files import is_inside, read_json, write_text
from truthmap.runs.file_names import STATES
from truthmap.runs.lease import Lease, leased
from truthmap.storage import RemoteStorage, cache_folder

_COPIES = "mirrors"
_BOOKS = ".mirror"
_LONGEST = 240


def remote_copy(url: str) -> RemoteCopy:
    """Return the folder at a URL with its working copy in the user's cache; nothing is fetched or made.

    Raises:
        UsageError: the URL is too long, or names no folder.
    """
    scheme, _, rest = url.partition("://")
    address = f"{scheme.lower()}://{rest.strip('/')}"
    name = quote(address, safe="")  # the same URL always finds the same copy; nobody reads the name back
    if not rest.strip("/") or len(name) > _LONGEST:
        raise UsageError(
            f"{url!r} names no folder for a run: expected a URL such as s3://bucket/run, shorter than {_LONGEST} "
            "characters"
        )
    return RemoteCopy(address, cache_folder().absolute() / _COPIES / name)


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
    def states(self) -> str:
        """Where the hidden states are: they are read and written there, in ranges, and never copied."""
        return f"{self.address}/{STATES}"

    @cached_property
    def storage(self) -> RemoteStorage:
        """The folder at the URL."""
        return RemoteStorage(self.address)

    @contextmanager
    def held(self, mark: str, say: Callable[[str], None]) -> Iterator[HeldCopy]:
        """Hold the folder at the URL, after fetching what it has.

        Args:
            mark: The file that a folder of this kind has.
            say: Told what is being waited for.

        Raises:
            RunFolderError: somebody is working in it, or it holds something else.
            StorageError: it cannot be reached or written.
        """
        _refuse_others(self.address, mark, self.storage.versions())
        with leased(self.storage, self._home(), say) as lease:
            held = HeldCopy(self, lease, self.pull(mark))
            yield held
            held.send_deletions()

    def pull(self, mark: str, *, anew: bool = False) -> dict[str, Any]:
        """Make the working copy what the folder at the URL is, and give what is known of each file.

        Args:
            mark: The file that a folder of this kind has.
            anew: Fetch everything, even what seems unchanged.

        Raises:
            RunFolderError: it holds something else.
            StorageError: it cannot be reached.
        """
        there = self.storage.versions()
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
            self.storage.fetch(name, self.folder / name)
        except FileNotFoundError:  # deleted since it was listed
            (self.folder / name).unlink(missing_ok=True)
        except StorageError as error:
            cause = error.__cause__
            if (self.folder / name).is_dir() or isinstance(
                cause, (IsADirectoryError, NotADirectoryError, FileExistsError)
            ):
                raise StorageError(f"{self.address}/{name} is a file and a folder at once: {error}") from error
            raise

    def _home(self) -> str:
        path = self.folder / _BOOKS / "home"
        if not path.exists():
            write_text(path, secrets.token_hex(8))
        return path.read_text(encoding="utf-8")

    def _seen(self) -> dict[str, Any]:
        path = self.folder / _BOOKS / "seen.json"
        known = read_json(path) if path.exists() else {}
        return known if isinstance(known, dict) else {}


@dataclass
class HeldCopy:
    """A folder at a URL while this process holds it.

    Attributes:
        copy: The folder and its working copy.
        lease: What keeps others out.
        seen: For each file of the working copy the version at the URL and the local stamp that go together.
    """

    copy: RemoteCopy
    lease: Lease
    seen: dict[str, Any]

    def send(self, path: Path) -> None:
        """Send a finished file.

        Raises:
            RunFolderError: another process has taken the folder over.
            StorageError: it cannot be reached or written.
        """
        name = path.relative_to(self.copy.folder).as_posix()
        if not _travels(name):
            return
        self.lease.check()
        self.copy.storage.upload(name, path)
        self.seen[name] = [self.copy.storage.version(name), *_stamp(path)]
        self.copy.note(self.seen)

    def send_deletions(self) -> None:
        """Delete at the URL what was deleted in the working copy."""
        gone = sorted(self.seen.keys() - self.copy.names())
        if gone:
            self.lease.check()
        for name in gone:
            self.copy.storage.remove(name)
            del self.seen[name]
        self.copy.note(self.seen)


def _refuse_others(address: str, mark: str, names: dict[str, str | None]) -> None:
    """Refuse a folder that holds something else, or files that could land outside the working copy."""
    others = [name for name in names if _travels(name)]
    if others and mark not in names:
        raise RunFolderError(
            f"{address} is not empty and has no {mark}: it is neither what was asked for nor free for a new run; "
            "choose another URL"
        )
    for name in others:
        if not is_inside(name):
            raise RunFolderError(f"{address} has an object named {name!r}, which can be no file of a run; remove it")


def _travels(name: str) -> bool:
    """Tell whether a file goes between the folder at the URL and the working copy."""
    if not name or name.endswith(("/", ".part")):  # some stores mark folders with an empty object
        return False
    first = name.split("/", maxsplit=1)[0]
    return first == ".." or (first != STATES and not first.startswith("."))


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a local file does: its size and the time it was written; (-1, -1): there is none."""
    if not path.is_file():
        return -1, -1
    about = path.stat()
    return about.st_size, about.st_mtime_ns
