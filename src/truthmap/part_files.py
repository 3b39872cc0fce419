"""Half-written files: named `.NAME.xxxxxxxx.part`, locked by whoever writes them, and removed once nobody does."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def held_beside(target: Path) -> Iterator[Path]:
    """Make an empty file beside a path and lock it, so that nobody takes it for a dead writer's; remove it at the end.

    Raises:
        OSError: the folder cannot be written.
    """
    temp_path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(temp_path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with suppress(OSError):  # a file system without locks
            _lock(descriptor)
        yield temp_path
    finally:
        os.close(descriptor)
        temp_path.unlink(missing_ok=True)


def remove_dead(target: Path) -> None:
    """Delete what killed writers left beside a file: what no living process has locked."""
    if sys.platform == "win32":
        return
    for leftover in target.parent.glob(f".{escape(target.name)}.{'[0-9a-f]' * 8}.part"):
        with suppress(OSError):
            descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                _lock(descriptor)
                leftover.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Delete the half-written files in `folder` and below; no link is followed, and nobody may be writing there."""
    for leftover in folder.rglob(".*.part"):
        if leftover.is_symlink() or leftover.is_file():
            leftover.unlink(missing_ok=True)


def _lock(descriptor: int) -> None:
    """Lock an open file, if nobody else has.

    Raises:
        OSError: somebody has, or the file system knows no locks.
    """
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
