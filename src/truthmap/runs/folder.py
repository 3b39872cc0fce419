"""The run folder: who may write in it, which stages are finished, and what their files must hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from truthmap.errors import DamagedFileError, RunFolderError, UsageError
from truthmap.files import (
    AnyPath,
    FolderPath,
    file_digest,
    storage_errors,
    write_json,
)
from truthmap.part_files import remove_leftovers
from truthmap.runs.file_names import LEDGER, STATES, STUDY, most_of
from truthmap.runs.folder_lock import locked
from truthmap.runs.ledger import StageEntry, read_ledger, stage_entry, with_stage, without_damaged
from truthmap.runs.links import refuse_links
from truthmap.runs.remote import HeldCopy, RemoteCopy, remote_copy
from truthmap.runs.study_yaml import read_settings, write_settings
from truthmap.storage import is_remote

FORMAT = 3
"""Of the files of a run; raise it when those of older versions must not be used any more."""


def run_folder(address: Path | str) -> RunFolder:
    """Return the run folder at what the user typed: a path, or a URL that fsspec opens (`s3://bucket/run`).

    Nothing is fetched or made. Whoever passes the folder on passes this object: it knows its address, and whether it is
    held.

    Raises:
        UsageError: the URL is too long, or names no folder; the path is no UTF-8.
    """
    try:
        str(address).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{str(address)!r} names no run folder: it is no UTF-8; choose another name") from error
    if isinstance(address, Path) or not is_remote(address):
        return RunFolder(Path(address))
    scheme, _, rest = address.partition("://")
    if scheme in {"file", "local"}:
        return RunFolder(Path(unquote(rest)))
    remote = remote_copy(address)
    return RunFolder(remote.folder, remote)


class RunFolder:
    """A folder `runs/NAME` in which one study is made, or the working copy of one at a URL.

    Args:
        path: The folder on this disk.
        remote: The folder at a URL that it is the working copy of, if any.
    """

    def __init__(self, path: Path, remote: RemoteCopy | None = None) -> None:
        self.path = path
        self.address = str(path) if remote is None else remote.address
        self._remote = remote
        self._holders = 0
        self._held: HeldCopy | None = None

    def __truediv__(self, name: str) -> FolderPath:
        """Return a file or folder in it, which readers know by the run's address; what is written there is sent on."""
        return self.root / name

    @property
    def root(self) -> FolderPath:
        """The folder itself as a path that messages call by its address, and from which no link leads out."""
        return FolderPath(self.path, self.address, self)

    def guard(self, path: Path) -> None:
        """Refuse a path in the folder that a link is part of: what it leads to is somebody else's.

        Raises:
            DamagedFileError: there is a link, or the path is none in the folder.
        """
        refuse_links(self.path, path, self.address)

    @property
    def is_remote(self) -> bool:
        """Whether the folder is at a URL."""
        return self._remote is not None

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.path.name if self._remote is None else PurePosixPath(self.address).name

    @contextmanager
    def held(self, say: Callable[[str], None] = lambda _news: None, *, patient: bool = False) -> Iterator[None]:
        """Hold the folder while working in it; one at a URL is held there, too, and has what is finished sent to it.

        Args:
            say: Told what is being waited for.
            patient: Wait up to an hour for another process that is working in it, rather than refuse at once.

        Raises:
            RunFolderError: another run is working in it, or the folder holds something else.
            StorageError: it cannot be written.
        """
        if self._holders:
            yield
            return
        with ExitStack() as kept:
            kept.enter_context(locked(self.path, self.address, is_copy=self.is_remote, patient=patient))
            self._holders += 1
            kept.callback(self._let_go)
            if self._remote is not None:
                self._held = kept.enter_context(self._remote.held(STUDY, say))
                kept.callback(setattr, self, "_held", None)
            with storage_errors(self.path):
                remove_leftovers(self.path)
            yield

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """Hold the folder, unless it is held already, while files are written in it.

        Raises:
            RunFolderError: another run is working in it.
        """
        with self.held():
            yield

    def _let_go(self) -> None:
        self._holders -= 1

    def on_file_written(self, path: Path) -> None:
        """Send a finished file to the URL, if there is one.

        Raises:
            RunFolderError: another process has taken the folder over.
            StorageError: it cannot be reached or written.
        """
        if self._remote is not None:
            assert self._held is not None, f"{path} was written while nobody holds {self.address}"
            self._held.send(path)

    def check_held(self) -> None:
        """See that a folder at a URL is still held by this process; of another there is nothing to see.

        Raises:
            RunFolderError: another process has taken it over.
        """
        if self._held is not None:
            self._held.lease.check()

    def remove(self, name: str) -> None:
        """Delete a file in it, or a folder and all that is in there, at the URL, too.

        Raises:
            StorageError: it cannot be deleted.
        """
        path = self / name
        self.guard(path.local)
        with storage_errors(path):
            if not path.exists():
                return
            if path.is_dir():
                shutil.rmtree(path.local, ignore_errors=True)
            else:
                path.local.unlink()
        if self._held is not None:
            self._held.send_deletions()

    def refresh(self, mark: str = STUDY, *, anew: bool = False) -> None:
        """Fetch what has changed in a folder at a URL; where a run of this machine works in it, nothing has.

        Args:
            mark: The file that a folder of this kind has; a detector's is its `config.json`.
            anew: Fetch everything, even what seems unchanged.

        Raises:
            RunFolderError: it holds something else.
            StorageError: it cannot be reached.
        """
        if self._remote is None or self._held is not None:
            return
        with ExitStack() as kept:
            try:
                kept.enter_context(locked(self.path, self.address, is_copy=True))
            except RunFolderError:
                return
            self._remote.pull(mark, anew=anew)

    @property
    def states(self) -> AnyPath | str:
        """Where the hidden states are: in the folder, or where study.yaml says that they went.

        Raises:
            DamagedFileError: study.yaml is damaged.
        """
        known = (self.settings() or {}).get("states_at")
        return self.own_states if known is None else str(known)

    @property
    def own_states(self) -> AnyPath | str:
        """Where the hidden states go unless somewhere else is named: in the folder, or at its URL."""
        return self / STATES if self._remote is None else self._remote.states

    def settings(self) -> dict[str, Any] | None:
        """Return what study.yaml says, or `None` where there is none yet.

        Raises:
            DamagedFileError: it is not the YAML that a run writes, or not as it was written.
        """
        path = self / STUDY
        return read_settings(path, FORMAT) if path.exists() else None

    def require_format(self, known: Mapping[str, Any]) -> None:
        """See that the files are those that this version writes, by what study.yaml says.

        Raises:
            RunFolderError: they are another version's.
        """
        found = known.get("format")
        if found != FORMAT:
            raise RunFolderError(
                f"{self.address} was made by another version of truthmap (its format is {found or 1}, expected "
                f"{FORMAT}): run the same study again into another folder, or into this one with --update"
            )

    def write_settings(self, content: Mapping[str, Any]) -> None:
        """Write study.yaml, with the digest of all that it says."""
        write_settings(self / STUDY, content)

    def entry(self, stage: str) -> StageEntry | None:
        """Return what is known of a finished stage, or `None`.

        Raises:
            DamagedFileError: what the ledger says of it is not what was written.
        """
        path = self / LEDGER
        found = read_ledger(path).get(stage)
        return None if found is None else stage_entry(stage, found, path)

    def entries(self) -> dict[str, StageEntry]:
        """Return what is known of all finished stages: the ledger, read once.

        Raises:
            DamagedFileError: what it says is not what was written.
        """
        path = self / LEDGER
        return {stage: stage_entry(stage, found, path) for stage, found in read_ledger(path).items()}

    def drop_damaged_entries(self) -> list[str]:
        """Take out of the ledger what is not as it was written, so that it is made again; say what that was."""
        path = self / LEDGER
        try:
            ledger = read_ledger(path)
        except DamagedFileError as error:
            self.remove(LEDGER)
            return [str(error)]
        kept, faults = without_damaged(ledger, path)
        if faults:
            write_json(path, kept)
        return faults

    def is_finished(self, stage: str, key: str) -> bool:
        """Tell whether a stage was finished from what `key` stands for and its files are still what it wrote."""
        entry = self.entry(stage)
        return entry is not None and entry.key == key and not self.broken_files(entry)

    def broken_files(self, entry: StageEntry) -> list[str]:
        """Name the files of a stage that are missing or not as they were written."""
        return [name for name, digest in entry.files.items() if not self._holds(name, digest)]

    def _holds(self, name: str, digest: str) -> bool:
        try:
            return file_digest(self / name, most_of(name)) == digest
        except (FileNotFoundError, DamagedFileError):
            return False

    def finish(self, stage: str, key: str, files: Iterable[str], seconds: float, note: Mapping[str, Any]) -> None:
        """Write down that a stage is finished and what its files hold.

        A stage that comes out otherwise than it stood in the ledger takes those behind it out of the ledger in the same
        write: see `with_stage`.
        """
        path = self / LEDGER
        digests = {name: file_digest(self / name) for name in files}
        write_json(path, with_stage(read_ledger(path), stage, StageEntry(key, digests, round(seconds, 3), dict(note))))

    def forget(self, stage: str) -> None:
        """Take an entry out of the ledger, if it has one; its files stay."""
        ledger = read_ledger(self / LEDGER)
        if ledger.pop(stage, None) is not None:
            write_json(self / LEDGER, ledger)
