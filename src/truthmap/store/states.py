"""The store of hidden states: one safetensors file per shard, what each must hold in `index.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath
from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.storage import Storage, storage_at
from truthmap.store.index import INDEX, index_digest, is_shard_name, read_index, shard_name, write_index
from truthmap.store.shard_file import ShardFile, entry_of, open_shard_file, write_shard_file
from truthmap.store.shards import LayerStates, ShardEntry, StateShard, positions_named


@dataclass
class StateStore:
    """The shards of one run: `00000.safetensors` … and `index.json` in one place.

    A shard is named by its number and sealed by a key: the digest of everything that made it. A shard whose key is not
    the one expected counts as absent, so a changed setting redoes just what depends on it. A shard's file is written
    first and its entry in the index last, so that a store is never seen half-written. Many may write shards' files at
    once (`put`); one keeps the index (`record`).

    Attributes:
        folder: A folder, or a URL that fsspec opens.
    """

    folder: AnyPath | str
    _place: Storage = field(init=False, repr=False)
    _entries: dict[int, ShardEntry] = field(init=False, repr=False)
    _open: dict[int, ShardFile] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._place = storage_at(self.folder)
        self._entries = read_index(self._place)

    def has(self, number: int, key: str, ids: Sequence[RowKey]) -> bool:
        """Tell whether shard `number` is finished, was made from what `key` stands for and holds these rows."""
        entry = self._entries.get(number)
        return entry is not None and entry.key == key and entry.ids == tuple(ids)

    def holds(self, number: int, entry: ShardEntry) -> bool:
        """Tell whether the file that `entry` describes is there, by its size."""
        return self._place.size(shard_name(number)) == entry.size

    def write(self, number: int, key: str, shard: StateShard) -> None:
        """Write a shard and its entry: whole or not at all.

        Raises:
            StorageError: the disk is full or the place cannot be written.
        """
        self.record(number, self.put(number, key, shard))

    def put(self, number: int, key: str, shard: StateShard) -> ShardEntry:
        """Write a shard's file, whole or not at all, and give the entry that makes it count once it is recorded.

        Raises:
            StorageError: the disk is full or the place cannot be written.
        """
        with self._place.written(shard_name(number)) as path:
            write_shard_file(path, key, shard)
            return entry_of(storage_at(path.parent), path.name)

    def record(self, number: int, entry: ShardEntry) -> None:
        """Write the entry of a shard whose file is there into the index."""
        self._entries[number] = entry
        self._open.pop(number, None)
        self._write_index()

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Forget and delete every shard but these; afterwards there is an index, even of no shards."""
        wanted, files = set(numbers), self._place.sizes()
        if INDEX not in files or not set(self._entries) <= wanted:
            self._entries = {number: entry for number, entry in self._entries.items() if number in wanted}
            self._open.clear()
            self._write_index()
        names = {shard_name(number) for number in wanted}
        for name in files:
            # What is not named as shards are is somebody else's.
            if is_shard_name(name) and name not in names:
                self._place.remove(name)

    def forget(self, number: int) -> None:
        """Drop one shard, so that it is made again."""
        self.keep_only(set(self._entries) - {number})

    @property
    def ids(self) -> tuple[RowKey, ...]:
        """The keys of all stored rows, shard after shard."""
        return tuple(i for number in sorted(self._entries) for i in self._entries[number].ids)

    @property
    def digest(self) -> str:
        """SHA-256 of the index: it changes whenever any shard does."""
        return index_digest(self._entries)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the finished shards."""
        return tuple(sorted(self._entries))

    def misplaced(self) -> dict[int, str]:
        """Look at the files' sizes alone and give, for each shard that is missing or cut, what is wrong with it."""
        sizes = self._place.sizes()
        faults = {}
        for number, entry in sorted(self._entries.items()):
            where, size = f"{self._place.address}/{shard_name(number)}", sizes.get(shard_name(number))
            if size is None:
                faults[number] = f"{where} is missing"
            elif size != entry.size:
                faults[number] = f"{where} is damaged: expected {entry.size:,} bytes, found {size:,}"
        return faults

    def damaged(self, on_progress: Callable[[int], None] | None = None) -> dict[int, str]:
        """Read every shard whole and give, for each that is not as it was written, what is wrong with it.

        Args:
            on_progress: Called with how many shards are read so far.
        """
        faults = self.misplaced()
        for done, (number, entry) in enumerate(sorted(self._entries.items())):
            if on_progress is not None:
                on_progress(done)
            if number in faults:
                continue
            try:
                whole = entry_of(self._place, shard_name(number)) == entry
            except (DamagedFileError, FileNotFoundError):
                whole = False
            if not whole:
                where = f"{self._place.address}/{shard_name(number)}"
                faults[number] = f"{where} is damaged: its digest is not the one in {INDEX}"
        return dict(sorted(faults.items()))

    @property
    def positions(self) -> tuple[Position, ...]:
        """The positions that every shard holds, in the order of axis P.

        Raises:
            DamagedFileError: there are no shards, or they differ, or this version does not know a position.
        """
        held = {
            positions_named(f"{self._place.address}/{shard_name(number)}", entry.positions)
            for number, entry in sorted(self._entries.items())
        }
        if len(held) > 1:
            raise DamagedFileError(
                f"the shards in {self._place.address} hold different positions; run the study again to have them "
                "captured alike"
            )
        if not held:
            raise self._empty()
        return held.pop()

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return (L, d) of each stored site.

        Raises:
            DamagedFileError: a file does not open, or there is none.
        """
        if not self._entries:
            raise self._empty()
        tensors = self._opened(min(self._entries)).tensors
        return {site: (tensor.shape[0], tensor.shape[3]) for site, tensor in tensors.items()}

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one layer for `ids` (default: all), in that order: all positions.

        Raises:
            KeyError: a row is not stored.
            DamagedFileError: a file is not as it was written, or lacks what was asked.
        """
        return self._read(site, layer, self.positions, ids)

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one cell for `ids` (default: all), in that order, and nothing else: P is 1.

        Raises:
            KeyError: a row is not stored.
            DamagedFileError: a file is not as it was written, or lacks what was asked.
        """
        return self._read(site, layer, (position,), ids)

    def _read(
        self, site: Site, layer: int, positions: tuple[Position, ...], ids: Sequence[RowKey] | None
    ) -> LayerStates:
        chosen = self.ids if ids is None else tuple(ids)
        column = {i: n for n, i in enumerate(chosen)}
        states: torch.Tensor | None = None
        present = np.zeros((len(positions), len(chosen)), dtype=bool)
        found = np.zeros(len(chosen), dtype=bool)
        for number, here in self._holding(column):
            there = [column[self._entries[number].ids[n]] for n in here]
            file = self._opened(number)
            columns = file.columns(positions)
            piece = file.read_cells(site, layer, columns)
            if states is None:
                states = piece.new_zeros((len(present), len(chosen), piece.shape[-1]))
            states[:, there] = piece[:, here]
            present[:, there] = file.present[columns, here]
            found[there] = True
        if states is None or not found.all():
            missing = sorted(i for i, n in column.items() if not found[n])
            raise KeyError(f"{len(missing)} answers have no states in {self._place.address}, e.g. {missing[:3]}")
        return LayerStates(chosen, positions, states, present)

    def _holding(self, wanted: Mapping[RowKey, int]) -> Iterator[tuple[int, list[int]]]:
        """Return the shards that hold any of these rows, and which of their columns do."""
        for number in sorted(self._entries):
            here = [n for n, i in enumerate(self._entries[number].ids) if i in wanted]
            if here:
                yield number, here

    def _opened(self, number: int) -> ShardFile:
        if number not in self._open:
            self._open[number] = open_shard_file(self._place, shard_name(number), self._entries[number])
        return self._open[number]

    def _empty(self) -> DamagedFileError:
        return DamagedFileError(f"{self._place.address} holds no states; run the study to capture them")

    def _write_index(self) -> None:
        write_index(self._place, self._entries)
