"""Writing a shard to disk, as `shard_file` reads it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch

from truthmap.store.shard_file import OURS, PRESENT
from truthmap.store.shards import StateShard
from truthmap.store.torch_files import save_torch_tensors


def write_shard_file(path: Path, key: str, shard: StateShard) -> None:
    """Write a shard, and in its header the key, the ids and the names of the positions.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    tensors = {str(site): tensor.contiguous() for site, tensor in shard.states.items()}
    tensors[PRESENT] = torch.from_numpy(np.ascontiguousarray(shard.present, dtype=np.uint8))
    checksums = {
        name: _checksums(tensor.flatten(0, 1) if name != PRESENT else tensor[None]) for name, tensor in tensors.items()
    }
    ours = {"key": key, "ids": shard.ids, "positions": [str(p) for p in shard.positions], "checksums": checksums}
    # One entry: safetensors writes several in no particular order, and the same shard must give the same bytes.
    save_torch_tensors(path, tensors, {OURS: json.dumps(ours)})


def _checksums(cells: torch.Tensor) -> list[int]:
    return [zlib.crc32(cell.contiguous().view(torch.uint8).numpy()) for cell in cells]
