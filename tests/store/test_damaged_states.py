"""The store of states: what is missing, cut, changed or of something else is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.store.made_states import LAYERS, shard

from truthmap.errors import DamagedFileError
from truthmap.positions import LEGACY_POSITIONS
from truthmap.records import Site
from truthmap.storage import storage_at
from truthmap.store.index import rebuild_index
from truthmap.store.states import StateStore


def test_every_single_flipped_bit_is_found(tmp_path: Path) -> None:
    """Bits of padding spaces in the header aside, which mean nothing and are found all the same."""
    StateStore(tmp_path).write(0, "key", shard(0, 2))
    path = tmp_path / "00000.safetensors"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        store = StateStore(tmp_path)
        with pytest.raises(DamagedFileError, match=r"00000\.safetensors is damaged"):
            for layer in range(LAYERS):
                store.read_layer(Site.RESIDUAL, layer)
        assert list(store.damaged()) == [0]


def test_a_missing_or_cut_file_is_named(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    for number in range(3):
        store.write(number, "key", shard(number))
    (tmp_path / "00000.safetensors").unlink()
    cut = tmp_path / "00002.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    assert list(store.misplaced()) == list(store.damaged()) == [0, 2]
    with pytest.raises(DamagedFileError, match=r"00000\.safetensors is missing"):
        StateStore(tmp_path).read_layer(Site.RESIDUAL, 0)


def test_a_shard_counts_when_it_is_recorded(store: StateStore, address: Path | str) -> None:
    entry = store.put(3, "key 3", shard(3))
    assert not StateStore(address).has(3, "key 3", entry.ids)
    assert store.holds(3, entry)
    store.record(3, entry)
    assert StateStore(address).has(3, "key 3", entry.ids)
    assert not StateStore(address).has(3, "another key", entry.ids)
    assert not StateStore(address).has(3, "key 3", entry.ids[1:])


def test_shards_that_are_not_wanted_go(store: StateStore, address: Path | str) -> None:
    store.keep_only([1])
    assert StateStore(address).numbers == (1,)
    assert set(storage_at(address).sizes()) == {"00001.safetensors", "index.json"}


def test_a_lost_index_is_made_anew_from_the_shards(store: StateStore, address: Path | str) -> None:
    digest, place = store.digest, storage_at(address)
    place.remove("index.json")
    assert StateStore(address).numbers == ()
    rebuild_index(address)
    assert StateStore(address).digest == digest
    assert StateStore(address).ids == store.ids
    assert StateStore(address).damaged() == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "index.json is damaged"),
        (b"[" * 100_000, "index.json is damaged"),
        (b"[]", "index.json is damaged"),
        (b'{"format": 1, "shards": {}}', "has format 1, this truthmap reads 2 to 4"),
        (b'{"format": 2, "shards": {"x": {}}}', "index.json is damaged"),
        (b"\xff\xfe", "index.json is damaged"),
    ],
)
def test_a_strange_index_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(DamagedFileError, match=said):
        StateStore(tmp_path)


def edit_index(folder: Path, change: Callable[[dict[str, Any]], None], *, sealed: bool) -> None:
    """Change an index; sealed as one of an older version is, which says nothing of itself, or as it was before."""
    index = json.loads((folder / "index.json").read_text())
    change(index["shards"]["00000.safetensors"])
    if not sealed:
        del index["seal"]
    (folder / "index.json").write_text(json.dumps(index))


def test_an_index_that_was_changed_is_refused(tmp_path: Path) -> None:
    StateStore(tmp_path).write(0, "key", shard(0))
    edit_index(tmp_path, lambda entry: entry["ids"].reverse(), sealed=True)
    with pytest.raises(DamagedFileError, match="what it says is not what was written"):
        StateStore(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda entry: entry["ids"].reverse(), "it holds other rows than the index says"),
        (lambda entry: entry["ids"].__setitem__(0, "another"), "it holds other rows than the index says"),
        (lambda entry: entry["positions"].reverse(), "it holds other rows than the index says"),
        (lambda entry: entry.update(header="0" * 64), "its header is not the one that was written"),
    ],
)
def test_rows_are_those_of_the_shard_itself(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    StateStore(tmp_path).write(0, "key", shard(0))
    edit_index(tmp_path, change, sealed=False)
    with pytest.raises(DamagedFileError, match=said):
        StateStore(tmp_path).read_cell(Site.RESIDUAL, 0, LEGACY_POSITIONS[0])


def test_a_row_that_stands_twice_is_refused(tmp_path: Path) -> None:
    StateStore(tmp_path).write(0, "key", shard(0))
    edit_index(tmp_path, lambda entry: entry["ids"].__setitem__(0, entry["ids"][1]), sealed=False)
    with pytest.raises(DamagedFileError, match="holds a row twice"):
        StateStore(tmp_path)


def forge_header(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change a shard's header, and have the index vouch for it."""
    path = folder / "00000.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    ours = json.loads(header["__metadata__"]["truthmap"])
    change(header, ours)
    header["__metadata__"]["truthmap"] = json.dumps(ours)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    (folder / "index.json").unlink()
    rebuild_index(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, ours: ours.pop("checksums"),
        lambda header, ours: ours["checksums"].update(residual=[1]),
        lambda header, ours: header["residual"].update(shape=[1 << 40, 1 << 40, 4, 4]),
        lambda header, ours: header["residual"].update(shape=[-1, 15, 4, 4]),
        lambda header, ours: header["residual"].update(data_offsets=[0, 1 << 60]),
        lambda header, ours: header["residual"].update(dtype="F8"),
        lambda header, ours: header.pop("present"),
        lambda header, ours: header.update(another=header["residual"]),
    ],
)
def test_a_header_of_something_else_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]
) -> None:
    StateStore(tmp_path).write(0, "key", shard(0))
    forge_header(tmp_path, change)
    with pytest.raises(DamagedFileError, match=r"00000\.safetensors is damaged: it is no shard of states"):
        StateStore(tmp_path).read_cell(Site.RESIDUAL, 0, LEGACY_POSITIONS[0])


def test_files_that_are_no_shards_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("somebody's weights")
    store = StateStore(tmp_path)
    store.write(0, "key", shard(0))
    store.keep_only([])
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "index.json"}
