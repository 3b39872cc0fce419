"""The store of states: what is read is what was written, no more is read than asked for, and damage is named."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from truthmap.errors import DamagedFileError
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.records import Site
from truthmap.storage import LocalStorage, storage_at
from truthmap.store.index import rebuild_index
from truthmap.store.shards import StateShard
from truthmap.store.states import StateStore

LAYERS, WIDTH, EACH = 3, 8, 5


def shard(number: int, n: int = EACH, dtype: torch.dtype = torch.float32) -> StateShard:
    generator = torch.Generator().manual_seed(number)
    states = torch.randn((LAYERS, len(LEGACY_POSITIONS), n, WIDTH), generator=generator).to(dtype)
    present = np.random.default_rng(number).random((len(LEGACY_POSITIONS), n)) < 0.8
    states = states * torch.from_numpy(present)[None, :, :, None]
    return StateShard(tuple(f"q{number}-{i}" for i in range(n)), LEGACY_POSITIONS, present, {Site.RESIDUAL: states})


@pytest.fixture(params=["folder", "remote"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Return a folder, and a place that fsspec opens."""
    if request.param == "folder":
        yield tmp_path / "states"
        return
    yield f"memory://{uuid.uuid4().hex}/states"


@pytest.fixture
def store(address: Path | str) -> StateStore:
    made = StateStore(address)
    for number in range(3):
        made.write(number, f"key {number}", shard(number))
    return made


def test_what_is_read_is_what_was_written(store: StateStore, address: Path | str) -> None:
    again = StateStore(address)
    assert again.layout() == {Site.RESIDUAL: (LAYERS, WIDTH)}
    for layer in range(LAYERS):
        read = again.read_layer(Site.RESIDUAL, layer)
        assert read.ids == store.ids == tuple(i for n in range(3) for i in shard(n).ids)
        torch.testing.assert_close(
            read.states, torch.cat([shard(n).states[Site.RESIDUAL][layer] for n in range(3)], dim=1), rtol=0, atol=0
        )
        np.testing.assert_array_equal(read.present, np.concatenate([shard(n).present for n in range(3)], axis=1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_states_keep_their_dtype(tmp_path: Path, dtype: torch.dtype) -> None:
    store = StateStore(tmp_path)
    store.write(0, "key", shard(0, dtype=dtype))
    read = store.read_layer(Site.RESIDUAL, 1).states
    assert read.dtype is dtype
    torch.testing.assert_close(read, shard(0, dtype=dtype).states[Site.RESIDUAL][1], rtol=0, atol=0)


def test_answers_come_in_the_order_asked_for(store: StateStore) -> None:
    asked = ("q2-4", "q0-1", "q1-0")
    read, whole = store.read_layer(Site.RESIDUAL, 2, asked), store.read_layer(Site.RESIDUAL, 2)
    places = [whole.ids.index(i) for i in asked]
    torch.testing.assert_close(read.states, whole.states[:, places], rtol=0, atol=0)
    np.testing.assert_array_equal(read.present, whole.present[:, places])
    with pytest.raises(KeyError, match=r"1 answers have no states in .*'stranger'"):
        store.read_layer(Site.RESIDUAL, 0, ["q0-0", "stranger"])


def test_a_cell_is_its_place_in_the_layer(store: StateStore) -> None:
    for p, position in enumerate(LEGACY_POSITIONS):
        cell, layer = store.read_cell(Site.RESIDUAL, 1, position), store.read_layer(Site.RESIDUAL, 1)
        torch.testing.assert_close(cell.states, layer.states[p : p + 1], rtol=0, atol=0)
        np.testing.assert_array_equal(cell.present, layer.present[p : p + 1])


def test_a_store_of_other_positions_is_read_by_name(tmp_path: Path) -> None:
    few = (Position.of("-1"), Position.of("last_q"), Position.of("exact_answer_last"))
    states = torch.arange(LAYERS * 3.0).reshape(LAYERS, 3, 1, 1).repeat(1, 1, 2, WIDTH)
    StateStore(tmp_path).write(0, "key", StateShard(("a", "b"), few, np.ones((3, 2), bool), {Site.RESIDUAL: states}))
    store = StateStore(tmp_path)
    assert store.positions == store.read_layer(Site.RESIDUAL, 0).positions == few
    for p, position in enumerate(few):
        cell = store.read_cell(Site.RESIDUAL, 2, position)
        assert cell.positions == (position,)
        assert torch.equal(cell.states, states[2, p : p + 1])
    with pytest.raises(DamagedFileError, match=r"00000\.safetensors holds the positions -1, last_q, exact.*, not -2"):
        store.read_cell(Site.RESIDUAL, 2, Position.of("-2"))


def test_shards_of_different_positions_are_not_mixed(store: StateStore) -> None:
    few = shard(3)
    two = StateShard(few.ids, LEGACY_POSITIONS[:2], few.present[:2], {Site.RESIDUAL: few.states[Site.RESIDUAL][:, :2]})
    store.write(3, "key", two)
    with pytest.raises(DamagedFileError, match="hold different positions"):
        store.read_layer(Site.RESIDUAL, 0)
    read = store.read_cell(Site.RESIDUAL, 0, LEGACY_POSITIONS[1])
    assert torch.equal(read.states[0, -EACH:], few.states[Site.RESIDUAL][0, 1])


def test_a_position_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    strange = replace(LEGACY_POSITIONS[0], name="elsewhere")
    one = shard(0)
    StateStore(tmp_path).write(0, "key", replace(one, positions=(strange, *LEGACY_POSITIONS[1:])))
    store = StateStore(tmp_path)
    for read in (lambda: store.positions, lambda: store.read_cell(Site.RESIDUAL, 0, LEGACY_POSITIONS[1])):
        with pytest.raises(DamagedFileError, match=r"00000.*does not know \(there is no position 'elsewhere'"):
            read()


def as_format_2(folder: Path) -> None:
    """Turn a store into what was written before shards said which positions they hold."""
    index = json.loads((folder / "index.json").read_text())
    for name, entry in index["shards"].items():
        with safe_open(folder / name, framework="pt") as file:
            said = json.loads(file.metadata()["truthmap"])
        del said["positions"], entry["positions"]
        save_file(load_file(folder / name), folder / name, metadata={"truthmap": json.dumps(said)})
        content = (folder / name).read_bytes()
        header = content[: 8 + int.from_bytes(content[:8], "little")]
        entry.update(digest=sha256(content).hexdigest(), header=sha256(header).hexdigest(), size=len(content))
    (folder / "index.json").write_text(json.dumps({"format": 2, "shards": index["shards"]}))


def test_a_store_that_does_not_say_its_positions_holds_the_fifteen(tmp_path: Path) -> None:
    StateStore(tmp_path).write(0, "key", shard(0))
    as_format_2(tmp_path)
    digest = sha256((tmp_path / "index.json").read_bytes()).hexdigest()
    old = StateStore(tmp_path)
    assert old.positions == LEGACY_POSITIONS
    assert old.digest == digest, "the run's ledger knows the index by this digest"
    assert old.damaged() == {}
    for p, position in enumerate(LEGACY_POSITIONS):
        read = old.read_cell(Site.RESIDUAL, 1, position)
        assert torch.equal(read.states, shard(0).states[Site.RESIDUAL][1, p : p + 1])
    (tmp_path / "index.json").unlink()
    rebuild_index(tmp_path)
    assert StateStore(tmp_path).digest == digest
    StateStore(tmp_path).write(1, "key", shard(1))
    assert json.loads((tmp_path / "index.json").read_text())["format"] == 3
    assert StateStore(tmp_path).read_layer(Site.RESIDUAL, 0).ids == shard(0).ids + shard(1).ids


def test_an_old_store_of_another_width_than_fifteen_is_refused(tmp_path: Path) -> None:
    one = shard(0)
    two = StateShard(one.ids, LEGACY_POSITIONS[:2], one.present[:2], {Site.RESIDUAL: one.states[Site.RESIDUAL][:, :2]})
    StateStore(tmp_path).write(0, "key", two)
    as_format_2(tmp_path)
    with pytest.raises(DamagedFileError, match=r"00000.*holds 2 positions, expected 15"):
        StateStore(tmp_path).read_cell(Site.RESIDUAL, 0, LEGACY_POSITIONS[0])


def test_states_of_a_sites_former_name_are_read(tmp_path: Path) -> None:
    one = shard(0)
    former = replace(one, states={"mlp_in": one.states[Site.RESIDUAL]})  # type: ignore[dict-item]
    StateStore(tmp_path).write(0, "key", former)
    read = StateStore(tmp_path)
    assert read.layout() == {Site.MLP_POST: (LAYERS, WIDTH)}
    assert torch.equal(read.read_layer(Site.MLP_POST, 1).states, one.states[Site.RESIDUAL][1])


def test_reading_a_cell_reads_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 400
    StateStore(tmp_path).write(0, "key", shard(0, n))
    store, taken = StateStore(tmp_path), []
    read = LocalStorage.read

    def counting(self: LocalStorage, name: str, start: int = 0, end: int | None = None) -> bytes:
        taken.append(len(content := read(self, name, start, end)))
        return content

    monkeypatch.setattr(LocalStorage, "read", counting)
    store.read_cell(Site.RESIDUAL, 1, Position.of("-1"))
    cell = n * WIDTH * 4
    assert cell <= sum(taken) < 3 * cell  # the cell, the header and the mask
    assert sum(taken) < (tmp_path / "00000.safetensors").stat().st_size / 10
    taken.clear()
    store.read_cell(Site.RESIDUAL, 2, Position.of("-1"))
    assert taken == [cell]


def test_every_reader_of_safetensors_opens_a_shard(tmp_path: Path) -> None:
    StateStore(tmp_path).write(0, "key", shard(0))
    read = load_file(tmp_path / "00000.safetensors")
    torch.testing.assert_close(read["residual"], shard(0).states[Site.RESIDUAL], rtol=0, atol=0)
    np.testing.assert_array_equal(read["present"].numpy(), shard(0).present)


def test_the_same_shard_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        StateStore(tmp_path / name).write(0, "key", shard(0))
    assert (tmp_path / "a/00000.safetensors").read_bytes() == (tmp_path / "b/00000.safetensors").read_bytes()


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
        (b'{"format": 1, "shards": {}}', "has format 1, this truthmap reads 2 and 3"),
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
