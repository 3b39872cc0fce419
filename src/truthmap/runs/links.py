"""Links in a run folder: none is followed, for what they lead to is somebody else's."""

from __future__ import annotations

from pathlib import Path

from truthmap.errors import DamagedFileError


def refuse_links(folder: Path, path: Path, address: str) -> None:
    """Refuse a path in a folder that a link is part of; the folder itself may be reached by one.

    Raises:
        DamagedFileError: there is a link, or the path lies outside.
    """
    try:
        parts = path.relative_to(folder).parts
    except ValueError as error:
        raise DamagedFileError(f"{path} lies outside {address}") from error
    at = folder
    for part in parts:
        at = at / part
        if part == ".." or at.is_symlink():
            raise DamagedFileError(
                f"{address}/{at.relative_to(folder).as_posix()} is a link, and links in a run folder are not followed: "
                "put there what it leads to (states can lie elsewhere with --states-at)"
            )
