"""The index of a store: what each finished shard's file must hold. It is written after the files it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from truthmap.errors import DamagedFileError
from truthmap.records import RowKey
from truthmap.storage import Storage, storage_at
from truthmap.store.shard_file import entry_of
from truthmap.store.shards import ShardEntry

FORMAT = 3
_LEGACY_FORMAT = 2
"""The format whose shards do not name their positions."""
INDEX = "index.json"
_SUFFIX = ".safetensors"


def shard_name(number: int) -> str:
    """Return the name of a shard's file."""
    return f"{number:05d}{_SUFFIX}"


def read_index(place: Storage) -> dict[int, ShardEntry]:
    """Read the index; where there is none, there are no shards.

    Raises:
        DamagedFileError: it is not the index that this version writes.
    """
    where = f"{place.address}/{INDEX}"
    try:
        index = json.loads(place.read(INDEX))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise _damaged(where, error) from error
    try:
        if index["format"] not in (_LEGACY_FORMAT, FORMAT):
            raise DamagedFileError(
                f"{where} has format {index['format']!r}, this truthmap reads {_LEGACY_FORMAT} and {FORMAT}; "
                "delete it to have the states captured again"
            )
        return {int(name.removesuffix(_SUFFIX)): _entry(stored) for name, stored in index["shards"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(where, error) from error


def write_index(place: Storage, entries: Mapping[int, ShardEntry]) -> None:
    """Write the index, whole or not at all."""
    with place.written(INDEX) as path:
        path.write_bytes(_content(entries))


def index_digest(entries: Mapping[int, ShardEntry]) -> str:
    """Return the SHA-256 of the index of these shards."""
    return hashlib.sha256(_content(entries)).hexdigest()


def rebuild_index(folder: Path | str, digest: str) -> bool:
    """Make a lost index anew from the shards' files, if that gives the index of this digest; tell whether it did."""
    place = storage_at(folder)
    entries = {}
    for name in place.sizes():
        if name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX).isdigit():
            try:
                entries[int(name.removesuffix(_SUFFIX))] = entry_of(place, name)
            except DamagedFileError:
                continue
    if index_digest(entries) != digest:
        return False
    write_index(place, entries)
    return True


def _entry(stored: Mapping[str, Any]) -> ShardEntry:
    tuples = {name: tuple(stored[name]) for name in ("positions",) if name in stored}
    return ShardEntry(**{**stored, **tuples, "ids": tuple(map(RowKey, stored["ids"]))})


def _content(entries: Mapping[int, ShardEntry]) -> bytes:
    # What was written by format 2 keeps its bytes, and so the digest by which the run's ledger knows it.
    shards = {
        shard_name(number): {name: value for name, value in asdict(entry).items() if value is not None}
        for number, entry in sorted(entries.items())
    }
    legacy = bool(shards) and not any("positions" in entry for entry in shards.values())
    return json.dumps({"format": _LEGACY_FORMAT if legacy else FORMAT, "shards": shards}).encode("ascii")


def _damaged(where: str, error: Exception) -> DamagedFileError:
    return DamagedFileError(
        f"{where} is damaged: expected the index of a store ({error}); `truthmap verify` with --repair makes it anew"
    )
