"""The store of hidden states: one safetensors file per shard, what each must hold in `index.json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.storage import storage_at
from truthmap.store.entries import ShardEntry
from truthmap.store.index import INDEX, is_shard_name, shard_name, write_index
from truthmap.store.shard_file import entry_of
from truthmap.store.shards import LayerStates, StateShard
from truthmap.store.store_dtype import StoreDtype
from truthmap.store.stored import StoreReader
from truthmap.store.tensors import TensorReader
from truthmap.store.write_shard import write_shard_file


@dataclass
class StateStore(StoreReader):
    """The shards of one run, for writing and as tensors: `00000.safetensors` … and `index.json` in one place.

    A shard is named by its number and sealed by a key: the digest of everything that made it. A shard whose key is not
    the one expected counts as absent, so a changed setting redoes just what depends on it. A shard's file is written
    first and its entry in the index last, so that a store is never seen half-written. Many may write shards' files at
    once (`put`); one keeps the index (`record`).
    """

    def has(self, number: int, key: str, ids: Sequence[RowKey]) -> bool:
        """Tell whether shard `number` is finished, was made from what `key` stands for and holds these rows."""
        entry = self.entries.get(number)
        return entry is not None and entry.key == key and entry.ids == tuple(ids)

    def holds(self, number: int, entry: ShardEntry) -> bool:
        """Tell whether the file that `entry` describes is there, by its size."""
        return self.place.size(shard_name(number)) == entry.size

    def write(self, number: int, key: str, shard: StateShard, stored: StoreDtype = StoreDtype.AUTO) -> None:
        """Write a shard and its entry: whole or not at all.

        Raises:
            StorageError: the disk is full or the place cannot be written.
        """
        self.record(number, self.put(number, key, shard, stored))

    def put(self, number: int, key: str, shard: StateShard, stored: StoreDtype = StoreDtype.AUTO) -> ShardEntry:
        """Write a shard's file, whole or not at all, and give the entry that makes it count once it is recorded.

        Args:
            number: Names the file.
            key: Digest of everything that made the shard.
            shard: What to write.
            stored: What its states are narrowed to; readers give them back as wide as they need.

        Raises:
            StorageError: the disk is full or the place cannot be written.
        """
        with self.place.written(shard_name(number)) as path:
            write_shard_file(path, key, shard, stored)
            return entry_of(storage_at(path.parent), path.name)

    def record(self, number: int, entry: ShardEntry) -> None:
        """Write the entry of a shard whose file is there into the index."""
        self.entries[number] = entry
        self._open.pop(number, None)
        self._write_index()

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Forget and delete every shard but these; afterwards there is an index, even of no shards."""
        wanted, files = set(numbers), self.place.sizes()
        if INDEX not in files or not set(self.entries) <= wanted:
            self.entries = {number: entry for number, entry in self.entries.items() if number in wanted}
            self._open.clear()
            self._write_index()
        names = {shard_name(number) for number in wanted}
        for name in files:
            # What is not named as shards are is somebody else's.
            if is_shard_name(name) and name not in names:
                self.place.remove(name)

    def forget(self, number: int) -> None:
        """Drop one shard, so that it is made again."""
        self.keep_only(set(self.entries) - {number})

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one layer for `ids` (default: all), in that order: all positions.

        Raises:
            KeyError: a row is not stored.
            DamagedFileError: a file is not as it was written, or lacks what was asked.
        """
        return TensorReader(self).read_layer(site, layer, ids)

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one cell for `ids` (default: all), in that order, and nothing else: P is 1.

        Raises:
            KeyError: a row is not stored.
            DamagedFileError: a file is not as it was written, or lacks what was asked.
        """
        return TensorReader(self).read_cell(site, layer, position, ids)

    def _write_index(self) -> None:
        write_index(self.place, self.entries)
