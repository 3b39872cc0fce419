"""A lease on a folder that several machines see: one works in it at a time, and shows that it is alive."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from truthmap.errors import RunFolderError, StorageError
from truthmap.storage import RemoteStorage

NAME = ".lease"

BEAT = 15.0
"""Seconds between signs of life of whoever works in the folder."""

STALE = 90.0
"""Seconds without a sign of life after which another may take over."""

SETTLE = 2.0
"""Seconds after which one who took over looks whether another did so at the same moment."""

_LOOK = 1.0


class Lease:
    """One holder's claim to a folder: an object there that says who holds it and changes with every sign of life.

    Whoever waits judges by whether the object changes, never by what anybody's clock says.

    Args:
        storage: The folder.
        home: Names this machine's working copy of the folder. Its users hold a local lock, so that whoever finds a
            lease of the same home knows that its holder is dead.
    """

    def __init__(self, storage: RemoteStorage, home: str) -> None:
        self._storage = storage
        self._home = home
        self._token = secrets.token_hex(8)
        self._beats = 0
        self._ended = threading.Event()

    def check(self) -> None:
        """See that the folder is still ours.

        Raises:
            RunFolderError: another has taken it over, because this process showed no life for too long.
            StorageError: the folder cannot be reached.
        """
        if not self._is_ours():
            raise RunFolderError(
                f"another run has taken over {self._storage.address}, because this one showed no sign of life for "
                f"{STALE:.0f} s (a suspended machine, a lost network); what it finished before is kept"
            )

    def take(self, say: Callable[[str], None]) -> None:
        """Take the folder, if need be after seeing that its last holder is dead.

        Raises:
            RunFolderError: somebody is working in it.
            StorageError: it cannot be reached or written.
        """
        while not self._storage.claim(NAME, self._content()):
            try:
                found = self._storage.read(NAME)
            except FileNotFoundError:
                continue  # released just now
            if _told(found, "home") != self._home:
                say(f"{self._storage.address} was held by {_holder(found)}; looking for {STALE:.0f} s whether it lives")
                if not self._still_there(found):
                    continue
            self._storage.put(NAME, self._content())
            time.sleep(SETTLE)
            if not self._is_ours():
                raise RunFolderError(f"another run is working in {self._storage.address}; wait for it")
            return

    def keep(self) -> None:
        """Give signs of life until `release`, or until the lease is somebody else's."""
        while not self._ended.wait(BEAT):
            # Where the network is away for a while, the next sign may get through; `check` tells the one who works.
            with suppress(StorageError):
                if not self._is_ours():
                    return
                self._beats += 1
                self._storage.put(NAME, self._content())

    def release(self) -> None:
        """Give the folder back, if it is still ours and can be reached."""
        self._ended.set()
        with suppress(StorageError):
            if self._is_ours():
                self._storage.remove(NAME)

    def _still_there(self, found: bytes) -> bool:
        """Watch a lease; tell whether it stayed as it was (its holder is dead) or is gone.

        Raises:
            RunFolderError: it changed: its holder is alive.
        """
        begun = time.monotonic()
        while time.monotonic() - begun < STALE:
            time.sleep(_LOOK)
            try:
                now = self._storage.read(NAME)
            except FileNotFoundError:
                return False
            if now != found:
                raise RunFolderError(
                    f"another run is working in {self._storage.address} ({_holder(now)}); wait for it or choose "
                    "another folder"
                )
        return True

    def _is_ours(self) -> bool:
        try:
            return _told(self._storage.read(NAME), "token") == self._token
        except FileNotFoundError:
            return False

    def _content(self) -> bytes:
        about = {"token": self._token, "home": self._home, "host": socket.gethostname(), "process": os.getpid()}
        return json.dumps({**about, "beat": self._beats}).encode("ascii")


@contextmanager
def leased(storage: RemoteStorage, home: str, say: Callable[[str], None]) -> Iterator[Lease]:
    """Hold a folder: see `Lease`.

    Raises:
        RunFolderError: somebody is working in it.
        StorageError: it cannot be reached or written.
    """
    lease = Lease(storage, home)
    lease.take(say)
    keeping = threading.Thread(target=lease.keep, daemon=True)
    keeping.start()
    try:
        yield lease
    finally:
        lease.release()
        keeping.join()


def _told(content: bytes, name: str) -> str | None:
    try:
        told = json.loads(content)[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return str(told)


def _holder(content: bytes) -> str:
    return f"process {_told(content, 'process')} on {_told(content, 'host')}"
