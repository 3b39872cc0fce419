"""One shard on disk, for reading: a safetensors file of which ranges are read, each checked as it is read.

The layout is safetensors' own (8 bytes with the header's length, a JSON header, the tensors' bytes), so that any of its
readers opens a shard; what is added stands in the header's metadata: the ids, the positions' names, and a checksum
(CRC-32) of every cell of each tensor. The states of one cell, `states[layer, position]`, are consecutive bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from truthmap.arrays import AnyArray, Bools, Floats32
from truthmap.errors import DamagedFileError
from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.storage import Storage
from truthmap.store.entries import ShardEntry, positions_named
from truthmap.store.float8 import CENTRE, SCALE, decode_float8

PRESENT = "present"
"""The tensor that says which positions are present."""
OURS = "truthmap"
"""Under this name stands in a header's metadata what is added to safetensors' own."""
_F32, _BF16, _FLOAT8 = "F32", "BF16", "F8_E4M3"
_DTYPES = {"F64": "<f8", _F32: "<f4", "F16": "<f2", _BF16: "<i2", _FLOAT8: "|u1", "U8": "|u1"}
"""What numpy calls the bytes of each dtype; of those that it does not know, the bits as whole numbers."""
_AXES = 4  # of states: L, P, n, d
_LENGTH = 8
_LONGEST_HEADER = 100_000_000
_LONGEST_AXIS = 1 << 50
_READ = 1 << 24
_REPAIR = "`truthmap verify` names all such files, and with --repair has them made again"


@dataclass(frozen=True)
class Tensor:
    """Where one tensor stands in a file: dtype's name, shape, its first byte, and its cells' checksums in order."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    checksums: tuple[int, ...]


@dataclass(frozen=True)
class StoredStates:
    """States as they are stored.

    Attributes:
        bits: Their numbers, any shape; of bfloat16 the bits as int16.
        dtype: What safetensors calls their dtype.
    """

    bits: AnyArray
    dtype: str

    def float32(self) -> Floats32:
        """Return them as float32, which takes in every number of the narrower dtypes as it is."""
        if self.dtype == _BF16:
            return (self.bits.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return self.bits.astype(np.float32)


@dataclass(frozen=True)
class ShardFile:
    """An open shard: what its header says, and where its bytes are.

    Attributes:
        place, name: Where the file is.
        tensors: Where each site's states (L, P, n, d) stand, and what goes with narrowed ones: the site's name with
            `.scale` (L, P, n) and `.centre` (L, P, d).
        positions: What axis P holds.
        present: bool (P, n).
    """

    place: Storage
    name: str
    tensors: Mapping[str, Tensor]
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

    def read_cells(self, site: Site, layer: int, columns: slice) -> StoredStates:
        """Read the states at some columns of axis P of one layer: (columns, n, d), as stored, float8 as float32.

        Raises:
            DamagedFileError: the shard lacks them, or the bytes are not those that were written.
        """
        tensor = self.tensors.get(str(site))
        if tensor is None or not 0 <= layer < tensor.shape[0]:
            raise DamagedFileError(f"{self._where} has no states of site {site}, layer {layer}")
        states = self._cells(tensor, layer, columns)
        if tensor.dtype != _FLOAT8:
            return StoredStates(states, tensor.dtype)
        scale, centre = (self._cells(self.tensors[f"{site}{with_it}"], layer, columns) for with_it in (SCALE, CENTRE))
        return StoredStates(decode_float8(states, scale, centre), _F32)

    @property
    def sites(self) -> dict[Site, Tensor]:
        """Where the states of each site stand."""
        return {Site(name): tensor for name, tensor in self.tensors.items() if len(tensor.shape) == _AXES}

    def _cells(self, tensor: Tensor, layer: int, columns: slice) -> AnyArray:
        """Read some columns of axis P of one layer of a tensor (L, P, …)."""
        first = layer * len(self.positions)
        content = _read_tensor(self, tensor, first + columns.start, first + columns.stop)
        return np.asarray(content.reshape(columns.stop - columns.start, *tensor.shape[2:]))

    @property
    def _where(self) -> str:
        return f"{self.place.address}/{self.name}"


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
        ours = json.loads(json.loads(header[_LENGTH:])["__metadata__"][OURS])
        ids = tuple(map(RowKey, ours["ids"]))
        return ShardEntry(
            str(ours["key"]),
            digest.hexdigest(),
            hashlib.sha256(header).hexdigest(),
            size,
            ids,
            _names_in(ours),
            ours.get("narrowed"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{place.address}/{name} is damaged: it is no shard of states ({error})") from error


def open_shard_file(place: Storage, name: str, entry: ShardEntry) -> ShardFile:
    """Read a shard's header and which positions are present; the states stay where they are.

    Args:
        place: Where the file is.
        name: Its name.
        entry: What the index says of it: its header must be the one that was written, with the same ids and positions.

    Raises:
        DamagedFileError: the file is missing, does not begin as it was written, or is not what the index says.
    """
    where = f"{place.address}/{name}"
    try:
        header = _read_header(place, name)
    except FileNotFoundError as error:
        raise DamagedFileError(f"{where} is missing; {_REPAIR}") from error
    if hashlib.sha256(header).hexdigest() != entry.header:
        raise DamagedFileError(f"{where} is damaged: its header is not the one that was written; {_REPAIR}")
    try:
        described = json.loads(header[_LENGTH:])
        ours = json.loads(described.pop("__metadata__")[OURS])
        if tuple(ours["ids"]) != entry.ids or _names_in(ours) != entry.positions:
            raise DamagedFileError(f"{where} is damaged: it holds other rows than the index says; {_REPAIR}")
        positions = positions_named(where, ours.get("positions"))
        tensors = {key: _tensor(value, ours["checksums"][key], len(header)) for key, value in described.items()}
        mask = tensors.pop(PRESENT)
        states = {_site_named(key): tensor for key, tensor in tensors.items()}
        if mask.shape[:1] != (len(positions),):
            raise ValueError(f"it holds {mask.shape[0]} positions, expected {len(positions)}")
        fits = mask.shape == (len(positions), len(entry.ids)) and len(mask.checksums) == 1
        for key, tensor in states.items():
            fits &= _fits(key, tensor, states, mask.shape)
            fits &= len(tensor.checksums) == tensor.shape[0] * len(positions)
        if not fits:
            raise ValueError("its tensors have not the shapes that its rows and positions have")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise DamagedFileError(f"{where} is damaged: it is no shard of states: {error}; {_REPAIR}") from error
    opened = ShardFile(place, name, states, positions, np.empty((0, 0), bool))
    return replace(opened, present=_read_tensor(opened, mask, 0, 1).reshape(mask.shape).astype(bool))


def _tensor(described: Mapping[str, Any], checksums: Sequence[int], header: int) -> Tensor:
    """Return where a tensor stands, after seeing that its shape takes the bytes that it is said to have.

    Raises:
        ValueError: it does not.
    """
    dtype, shape = str(described["dtype"]), tuple(described["shape"])
    start, end = described["data_offsets"]
    if any(type(size) is not int or not 0 <= size < _LONGEST_AXIS for size in (*shape, start, end)):
        raise ValueError("a tensor's shape is none")
    if math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize != end - start:
        raise ValueError(f"a tensor of shape {shape} is said to have {end - start} bytes")
    return Tensor(dtype, shape, header + start, tuple(checksums))


def _site_named(name: str) -> str:
    """Return the present name of the site whose states, or what goes with them, a tensor holds.

    Raises:
        ValueError: there is no such site.
    """
    site, dot, with_it = name.partition(".")
    return f"{Site(site)}{dot}{with_it}"


def _fits(name: str, tensor: Tensor, tensors: Mapping[str, Tensor], mask: tuple[int, ...]) -> bool:
    """Tell whether a tensor has the shape that the mask (P, n) asks for, and has with it what it is read with."""
    site, _, with_it = name.partition(".")
    states = tensors.get(site)
    if states is None or len(states.shape) != _AXES or states.shape[1:3] != mask:
        return False
    if not with_it:
        return tensor.dtype != _FLOAT8 or (site + SCALE in tensors and site + CENTRE in tensors)
    layers, positions, rows, width = states.shape
    shapes = {SCALE: (layers, positions, rows), CENTRE: (layers, positions, width)}
    return tensor.dtype == _F32 and tensor.shape == shapes.get(f".{with_it}")


def _names_in(ours: Mapping[str, Any]) -> tuple[str, ...] | None:
    return tuple(str(name) for name in ours["positions"]) if "positions" in ours else None


def _read_header(place: Storage, name: str) -> bytes:
    """Read a file's header, its length included; empty where the length makes no sense."""
    head = place.read(name, 0, _LENGTH)
    length = int.from_bytes(head, "little")
    # A flipped bit in the length must not make us read the whole file as its header.
    return place.read(name, 0, _LENGTH + length) if len(head) == _LENGTH and length < _LONGEST_HEADER else b""


def _read_tensor(file: ShardFile, tensor: Tensor, first: int, last: int) -> AnyArray:
    """Read the cells `[first, last)` of a tensor, flat, and compare each with its checksum."""
    dtype = np.dtype(_DTYPES[tensor.dtype])
    length = math.prod(tensor.shape) * dtype.itemsize // max(len(tensor.checksums), 1)
    content = bytearray(file.place.read(file.name, tensor.start + first * length, tensor.start + last * length))
    view = memoryview(content)
    for cell in range(first, last):
        piece = view[(cell - first) * length : (cell - first + 1) * length]
        if len(piece) != length or zlib.crc32(piece) != tensor.checksums[cell]:
            fault = "it is cut short" if len(piece) != length else "the states read are not the ones that were written"
            raise DamagedFileError(f"{file.place.address}/{file.name} is damaged: {fault}; {_REPAIR}")
    return np.frombuffer(content, dtype=dtype)
