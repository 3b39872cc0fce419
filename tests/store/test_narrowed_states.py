"""States stored in fewer bits: what is read back, what it takes, and that a fault in it is found."""

from __future__ import annotations

import json
from dataclasses import replace
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
from truthmap.store.float8 import decode_float8
from truthmap.store.index import rebuild_index
from truthmap.store.shard_file import entry_of
from truthmap.store.shards import StateShard
from truthmap.store.states import StateStore
from truthmap.store.store_dtype import StoreDtype, stored_bytes
from truthmap.store.stored import StoreReader

P = len(LEGACY_POSITIONS)


@pytest.fixture
def narrow(tmp_path: Path) -> StateStore:
    store = StateStore(tmp_path)
    for number in range(3):
        store.write(number, f"key {number}", shard(number), StoreDtype.FLOAT8)
    return store


def read_back(folder: Path, one: StateShard, stored: StoreDtype) -> torch.Tensor:
    StateStore(folder).write(0, "key", one, stored)
    return torch.stack([StateStore(folder).read_layer(Site.RESIDUAL, layer).states for layer in range(LAYERS)])


def test_every_code_is_the_number_that_torch_reads() -> None:
    codes = np.arange(256, dtype=np.uint8)
    ours = decode_float8(codes[None, None], np.ones((1, 1), np.float32), np.zeros((1, 256), np.float32))[0, 0]
    np.testing.assert_array_equal(ours, torch.from_numpy(codes).view(torch.float8_e4m3fn).float().numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_float8_keeps_four_bits_of_what_deviates(tmp_path: Path, dtype: torch.dtype) -> None:
    one = shard(0, 40)
    offset = torch.tensor([0.0, 100.0, -3.0] + [0.5] * (WIDTH - 3))
    spread = torch.tensor([1.0, 1.0, 50.0] + [0.01] * (WIDTH - 3))
    here = torch.from_numpy(one.present)[None, ..., None]
    made = ((one.states[Site.RESIDUAL] * spread + offset) * here).to(dtype)
    read = read_back(tmp_path, replace(one, states={Site.RESIDUAL: made}), StoreDtype.FLOAT8)
    assert read.dtype is torch.float32
    mean = made.double().sum(2, keepdim=True) / here.sum(2, keepdim=True)
    deviation = ((made - mean) * here).abs()
    allowed = deviation / 16 + deviation.amax(-1, keepdim=True) / 448 / 512 + 1e-5
    assert ((read - made.double()).abs() <= allowed).all()
    assert (read * ~here == 0).all(), "what is missing is zero, as it was"


def test_bfloat16_is_the_states_rounded(tmp_path: Path) -> None:
    one = shard(0)
    read = read_back(tmp_path, one, StoreDtype.BFLOAT16)
    assert read.dtype is torch.bfloat16
    assert torch.equal(read, one.states[Site.RESIDUAL].bfloat16())
    assert json.loads((tmp_path / "index.json").read_text())["format"] == 3


def test_a_row_alone_comes_back_as_it_was(tmp_path: Path) -> None:
    one = shard(0, 1)
    assert torch.equal(read_back(tmp_path, one, StoreDtype.FLOAT8), one.states[Site.RESIDUAL])


def test_both_readers_give_the_same_numbers_in_any_order(narrow: StateStore) -> None:
    asked, minus_1 = ("q2-4", "q0-1", "q1-0"), Position.of("-1")
    whole = narrow.read_layer(Site.RESIDUAL, 2)
    cell = narrow.read_cell(Site.RESIDUAL, 2, minus_1, asked).states[0]
    plain = StoreReader(narrow.folder).read(Site.RESIDUAL, 2, (minus_1,), asked).states.float32()[0]
    assert torch.equal(cell, whole.states[LEGACY_POSITIONS.index(minus_1), [whole.ids.index(i) for i in asked]])
    np.testing.assert_array_equal(plain, cell.numpy())
    assert narrow.layout() == {Site.RESIDUAL: (LAYERS, WIDTH)}


@pytest.mark.parametrize("stored", list(StoreDtype))
def test_the_bytes_foretold_are_those_on_disk(tmp_path: Path, stored: StoreDtype) -> None:
    StateStore(tmp_path).write(0, "key", shard(0), stored)
    path = tmp_path / "00000.safetensors"
    tensors = path.stat().st_size - 8 - int.from_bytes(path.read_bytes()[:8], "little")
    assert tensors == round(LAYERS * P * EACH * stored_bytes(WIDTH, 4, stored, EACH)) + P * EACH


def test_every_flipped_bit_of_narrowed_states_is_found(tmp_path: Path) -> None:
    StateStore(tmp_path).write(0, "key", shard(0, 2), StoreDtype.FLOAT8)
    path = tmp_path / "00000.safetensors"
    whole = path.read_bytes()
    for at in range(0, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        store = StateStore(tmp_path)
        with pytest.raises(DamagedFileError, match=r"00000\.safetensors is damaged"):
            for layer in range(LAYERS):
                store.read_layer(Site.RESIDUAL, layer)
        assert list(store.damaged()) == [0]


def test_the_index_says_that_older_versions_cannot_read_it(narrow: StateStore, tmp_path: Path) -> None:
    digest = narrow.digest
    assert json.loads((tmp_path / "index.json").read_text())["format"] == 4
    (tmp_path / "index.json").unlink()
    rebuild_index(tmp_path)
    assert StateStore(tmp_path).digest == digest
    assert StateStore(tmp_path).damaged() == {}


def test_codes_without_their_scale_are_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.write(0, "key", shard(0), StoreDtype.FLOAT8)
    path = tmp_path / "00000.safetensors"
    with safe_open(path, framework="pt") as file:
        said = json.loads(file.metadata()["truthmap"])
    tensors = load_file(path)
    del tensors["residual.scale"]
    save_file(tensors, path, metadata={"truthmap": json.dumps(said)})
    store.record(0, entry_of(store.place, path.name))
    with pytest.raises(DamagedFileError, match="have not the shapes"):
        StateStore(tmp_path).read_layer(Site.RESIDUAL, 0)


def test_the_same_shard_gives_the_same_narrowed_bytes(tmp_path: Path) -> None:
    for name in "ab":
        StateStore(tmp_path / name).write(0, "key", shard(0), StoreDtype.FLOAT8)
    assert (tmp_path / "a/00000.safetensors").read_bytes() == (tmp_path / "b/00000.safetensors").read_bytes()
