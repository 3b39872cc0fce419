"""One shard on disk: a safetensors file that is written whole and read in ranges, each range checked as it is read.

The layout is safetensors' own (8 bytes with the header's length, a JSON header, the tensors' bytes), so that any of its
readers opens a shard; what is added stands in the header's metadata: the ids, the positions' names, and a checksum
(CRC-32) of every cell of each tensor. The states of one cell, `states[layer, position]`, are consecutive bytes.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from truthmap.arrays import Bools
from truthmap.errors import DamagedFileError
from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.storage import Storage
from truthmap.store.shards import ShardEntry, StateShard, positions_named

PRESENT = "present"
_OURS = "truthmap"
_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "U8": torch.uint8,
}  # fmt: skip
_LENGTH = 8
_LONGEST_HEADER = 100_000_000
_READ = 1 << 24


@dataclass(frozen=True)
class Tensor:
    """Where one tensor stands in a file: dtype, shape, its first byte, and the checksums of its cells in order."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    checksums: tuple[int, ...]


@dataclass(frozen=True)
class ShardFile:
    """An open shard: what its header says, and where its bytes are.

    Attributes:
        place, name: Where the file is.
        tensors: Where each site's states (L, P, n, d) stand.
        positions: What axis P holds.
        present: bool (P, n).
    """

    place: Storage
    name: str
    tensors: Mapping[Site, Tensor]
    positions: tuple[Position, ...]
    present: Bools

    def columns(self, positions: tuple[Position, ...]) -> slice:
        """Return where on axis P these positions stand, one behind the other.

        Raises:
            DamagedFileError: the shard does not hold them, or holds them in another order.
        """
        start = self.positions.index(positions[0]) if positions[0] in self.positions else 0
        columns = slice(start, start + len(positions))
        if self.positions[columns] != positions:
            raise DamagedFileError(
                f"{self._where} holds the positions {', '.join(map(str, self.positions))}, not "
                f"{', '.join(map(str, positions))}; capture the states again to have them"
            )
        return columns

    def read_cells(self, site: Site, layer: int, columns: slice) -> torch.Tensor:
        """Read the states at some columns of axis P of one layer: (columns, n, d), in the stored dtype.

        Raises:
            DamagedFileError: the shard lacks them, or the bytes are not those that were written.
        """
        tensor = self.tensors.get(site)
        if tensor is None or not 0 <= layer < tensor.shape[0]:
            raise DamagedFileError(f"{self._where} has no states of site {site}, layer {layer}")
        first = layer * len(self.positions)
        content = _read_tensor(self, tensor, first + columns.start, first + columns.stop)
        return content.reshape(columns.stop - columns.start, *tensor.shape[2:])

    @property
    def _where(self) -> str:
        return f"{self.place.address}/{self.name}"


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
    try:
        # One entry: safetensors writes several in no particular order, and the same shard must give the same bytes.
        save_file(tensors, path, metadata={_OURS: json.dumps(ours)})
    except SafetensorError as error:
        raise _as_os_error(error) from error


def entry_of(place: Storage, name: str) -> ShardEntry:
    """Read a shard's file whole and give the entry that describes it as it is.

    Raises:
        DamagedFileError: it is no shard.
    """
    size = place.size(name) or 0
    digest = hashlib.sha256()
    for start in range(0, size, _READ):
        digest.update(place.read(name, start, min(start + _READ, size)))
    header = _read_header(place, name)
    try:
        ours = json.loads(json.loads(header[_LENGTH:])["__metadata__"][_OURS])
        ids = tuple(map(RowKey, ours["ids"]))
        positions = tuple(str(name) for name in ours["positions"]) if "positions" in ours else None
        return ShardEntry(
            str(ours["key"]), digest.hexdigest(), hashlib.sha256(header).hexdigest(), size, ids, positions
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"{place.address}/{name} is damaged: it is no shard of states ({error})") from error


def open_shard_file(place: Storage, name: str, header_digest: str) -> ShardFile:
    """Read a shard's header and which positions are present; the states stay where they are.

    Raises:
        DamagedFileError: the file is missing, or it does not begin as it was written.
    """
    where = f"{place.address}/{name}"
    try:
        header = _read_header(place, name)
        if hashlib.sha256(header).hexdigest() != header_digest:
            raise DamagedFileError(
                f"{where} is damaged: its header is not the one that was written; `truthmap verify` names all such "
                "files, and with --repair has them made again"
            )
    except FileNotFoundError as error:
        raise DamagedFileError(f"{where} is missing; `truthmap verify --repair` has it made again") from error
    # From here on the header is known to be what we wrote.
    described = json.loads(header[_LENGTH:])
    ours = json.loads(described["__metadata__"][_OURS])
    tensors = {
        key: Tensor(
            _DTYPES[value["dtype"]],
            tuple(value["shape"]),
            len(header) + value["data_offsets"][0],
            tuple(ours["checksums"][key]),
        )
        for key, value in described.items()
        if key != "__metadata__"
    }
    mask = tensors.pop(PRESENT)
    positions = positions_named(where, ours.get("positions"))
    if mask.shape[0] != len(positions):
        raise DamagedFileError(f"{where} is damaged: it holds {mask.shape[0]} positions, expected {len(positions)}")
    states = {Site(key): tensor for key, tensor in tensors.items()}
    opened = ShardFile(place, name, states, positions, np.empty((0, 0), bool))
    return replace(opened, present=_read_tensor(opened, mask, 0, 1).reshape(mask.shape).numpy().astype(bool))


def _read_header(place: Storage, name: str) -> bytes:
    """Read a file's header, its length included; empty where the length makes no sense."""
    head = place.read(name, 0, _LENGTH)
    length = int.from_bytes(head, "little")
    # A flipped bit in the length must not make us read the whole file as its header.
    return place.read(name, 0, _LENGTH + length) if len(head) == _LENGTH and length < _LONGEST_HEADER else b""


def _read_tensor(file: ShardFile, tensor: Tensor, first: int, last: int) -> torch.Tensor:
    """Read the cells `[first, last)` of a tensor, flat, and compare each with its checksum."""
    length = int(np.prod(tensor.shape)) * tensor.dtype.itemsize // len(tensor.checksums)
    content = bytearray(file.place.read(file.name, tensor.start + first * length, tensor.start + last * length))
    view = memoryview(content)
    for cell in range(first, last):
        piece = view[(cell - first) * length : (cell - first + 1) * length]
        if len(piece) != length or zlib.crc32(piece) != tensor.checksums[cell]:
            fault = "it is cut short" if len(piece) != length else "the states read are not the ones that were written"
            raise DamagedFileError(
                f"{file.place.address}/{file.name} is damaged: {fault}; `truthmap verify` names all such files, and "
                "with --repair has them made again"
            )
    return torch.frombuffer(content, dtype=tensor.dtype) if content else torch.empty(0, dtype=tensor.dtype)


def _checksums(cells: torch.Tensor) -> list[int]:
    return [zlib.crc32(cell.contiguous().view(torch.uint8).numpy()) for cell in cells]


def _as_os_error(error: SafetensorError) -> Exception:
    text = str(error)
    return OSError(28, text) if "No space left" in text or "os error 28" in text else error
