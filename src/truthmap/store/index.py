"""The index of a store: what each finished shard's file must hold. It is written after the files it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath
from truthmap.records import RowKey
from truthmap.storage import Storage, storage_at
from truthmap.store.entries import ShardEntry
from truthmap.store.shard_file import entry_of

FORMAT = 3
_NARROWED_FORMAT = 4
"""The format with shards whose states are narrowed so that older versions cannot read them."""
_LEGACY_FORMAT = 2
"""The format whose shards do not name their positions."""
INDEX = "index.json"
_SUFFIX = ".safetensors"
_SEAL = "seal"
"""Under this name stands the digest of all the rest; indexes of older versions have none."""
_FIELDS = frozenset({"format", "shards", _SEAL})


class ForeignFormatError(DamagedFileError):
    """An index is of a format that this version does not read."""


def shard_name(number: int) -> str:
    """Return the name of a shard's file."""
    return f"{number:05d}{_SUFFIX}"


def read_index(place: Storage) -> dict[int, ShardEntry]:
    """Read the index; where there is none, there are no shards.

    Raises:
        DamagedFileError: it is not the index that was written, or not one that this version writes.
    """
    where = f"{place.address}/{INDEX}"
    try:
        index = json.loads(place.read(INDEX))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise _damaged(where, error) from error
    try:
        if index["format"] not in (_LEGACY_FORMAT, FORMAT, _NARROWED_FORMAT):
            raise ForeignFormatError(
                f"{where} has format {index['format']!r}, this truthmap reads {_LEGACY_FORMAT} to {_NARROWED_FORMAT}; "
                "delete it to have the states captured again"
            )
        entries = {_number(name): _entry(stored) for name, stored in index["shards"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(where, error) from error
    if set(index) - _FIELDS:
        raise _damaged(where, f"nothing is known of {', '.join(sorted(set(index) - _FIELDS))}")
    if index.get(_SEAL, index_digest(entries)) != index_digest(entries):
        raise _damaged(where, "what it says is not what was written")
    return entries


def write_index(place: Storage, entries: Mapping[int, ShardEntry]) -> None:
    """Write the index, whole or not at all."""
    with place.written(INDEX) as path:
        path.write_text(json.dumps({**_plain(entries), _SEAL: index_digest(entries)}), encoding="ascii")


def index_digest(entries: Mapping[int, ShardEntry]) -> str:
    """Return the SHA-256 of what the index says of these shards."""
    return hashlib.sha256(json.dumps(_plain(entries)).encode("ascii")).hexdigest()


def is_index_lost(folder: AnyPath | str) -> bool:
    """Tell whether there are shards' files and no index."""
    files = storage_at(folder).sizes()
    return INDEX not in files and any(map(is_shard_name, files))


def rebuild_index(folder: AnyPath | str) -> None:
    """Make a lost index anew from those of the shards' files that are whole."""
    place = storage_at(folder)
    entries = {}
    for name in place.sizes():
        with suppress(ValueError, DamagedFileError):
            entries[_number(name)] = entry_of(place, name)
    write_index(place, entries)


def is_shard_name(name: str) -> bool:
    """Tell whether a file is named as shards are."""
    stem = name.removesuffix(_SUFFIX)
    return stem.isascii() and stem.isdigit() and len(stem) < 10 and name == shard_name(int(stem))


def _number(name: str) -> int:
    """Return the number that a shard's file is named by.

    Raises:
        ValueError: it is no such name.
    """
    if not is_shard_name(name):
        raise ValueError(f"{name!r} names no shard")
    return int(name.removesuffix(_SUFFIX))


def _entry(stored: Mapping[str, Any]) -> ShardEntry:
    tuples = {name: tuple(stored[name]) for name in ("positions",) if name in stored}
    entry = ShardEntry(**{**stored, **tuples, "ids": tuple(map(RowKey, stored["ids"]))})
    if not isinstance(entry.size, int) or len(set(entry.ids)) < len(entry.ids):
        raise ValueError("a shard's size is no number, or it holds a row twice")
    return entry


def _plain(entries: Mapping[int, ShardEntry]) -> dict[str, Any]:
    # What was written by format 2 keeps its bytes, and so the digest by which the run's ledger knows it.
    shards = {
        shard_name(number): {name: value for name, value in asdict(entry).items() if value is not None}
        for number, entry in sorted(entries.items())
    }
    legacy = bool(shards) and not any("positions" in entry for entry in shards.values())
    if any("narrowed" in entry for entry in shards.values()):
        return {"format": _NARROWED_FORMAT, "shards": shards}
    return {"format": _LEGACY_FORMAT if legacy else FORMAT, "shards": shards}


def _damaged(where: str, error: Exception | str) -> DamagedFileError:
    return DamagedFileError(
        f"{where} is damaged: expected the index of a store ({error}); `truthmap verify` with --repair makes it anew"
    )
