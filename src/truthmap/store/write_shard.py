"""Writing a shard to disk, as `shard_file` reads it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch

from truthmap.store.narrow import narrowed
from truthmap.store.shard_file import OURS, PRESENT
from truthmap.store.shards import StateShard
from truthmap.store.store_dtype import StoreDtype
from truthmap.store.torch_files import save_torch_tensors


def write_shard_file(path: Path, key: str, shard: StateShard, stored: StoreDtype = StoreDtype.AUTO) -> None:
    """Write a shard, and in its header the key, the ids and the names of the positions.

    Args:
        path: The file.
        key: Digest of everything that made the shard.
        shard: What to write.
        stored: What its states are narrowed to.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    tensors = {
        f"{site}{ending}": tensor.contiguous()
        for site, states in shard.states.items()
        for ending, tensor in narrowed(states, shard.present, stored).items()
    }
    tensors[PRESENT] = torch.from_numpy(np.ascontiguousarray(shard.present, dtype=np.uint8))
    checksums = {
        name: _checksums(tensor.flatten(0, 1) if name != PRESENT else tensor[None]) for name, tensor in tensors.items()
    }
    ours = {"key": key, "ids": shard.ids, "positions": [str(p) for p in shard.positions], "checksums": checksums}
    if any(tensor.dtype is torch.float8_e4m3fn for tensor in tensors.values()):
        ours["narrowed"] = str(stored)
    # One entry: safetensors writes several in no particular order, and the same shard must give the same bytes.
    save_torch_tensors(path, tensors, {OURS: json.dumps(ours)})


def _checksums(cells: torch.Tensor) -> list[int]:
    return [zlib.crc32(cell.contiguous().view(torch.uint8).numpy()) for cell in cells]
