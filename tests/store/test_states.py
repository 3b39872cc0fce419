"""The store of states: what is read is what was written, and no more is read than asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.store.made_states import EACH, LAYERS, WIDTH, shard

from truthmap.errors import DamagedFileError
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.records import Site
from truthmap.storage import LocalStorage
from truthmap.store.index import rebuild_index
from truthmap.store.shards import StateShard
from truthmap.store.states import StateStore


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
