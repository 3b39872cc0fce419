"""Storage at addresses: files are whole or absent, and what cannot be reached is named."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from truthmap.errors import StorageError, UsageError
from truthmap.storage import RemoteStorage, storage_at


def test_a_remote_file_is_whole_or_absent() -> None:
    place = RemoteStorage(f"memory://{uuid.uuid4().hex}")
    with pytest.raises(ZeroDivisionError), place.written("file") as path:
        path.write_bytes(b"half")
        raise ZeroDivisionError
    assert place.sizes() == {}
    with place.written("file") as path:
        path.write_bytes(b"whole")
    assert place.read("file") == b"whole"
    assert place.size("file") == 5
    assert place.size("other") is None


def test_an_address_that_nothing_opens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nosuch://bucket cannot be opened"):
        storage_at("nosuch://bucket")


def test_a_place_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    place = RemoteStorage("memory://somewhere")

    def refuse(*args: object, **options: object) -> bytes:
        raise RuntimeError("connection reset")

    monkeypatch.setattr(place._files, "cat_file", refuse)
    with pytest.raises(StorageError, match="memory://somewhere/file cannot be reached: connection reset"):
        place.read("file")
