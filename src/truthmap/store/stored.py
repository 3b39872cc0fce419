"""Reading the store of hidden states, without torch: which rows and positions it holds, and their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from truthmap.arrays import AnyArray, Bools
from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath
from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.storage import Storage, storage_at
from truthmap.store.entries import ShardEntry, positions_named
from truthmap.store.index import INDEX, index_digest, read_index, shard_name
from truthmap.store.shard_file import ShardFile, StoredStates, entry_of, open_shard_file


@dataclass(frozen=True)
class StoredLayer:
    """One layer's states of one site for chosen rows, as they are stored.

    Attributes:
        ids: The rows' keys, in the order of axis n.
        positions: What axis P holds.
        states: (P, n, d).
        present: bool (P, n).
    """

    ids: tuple[RowKey, ...]
    positions: tuple[Position, ...]
    states: StoredStates
    present: Bools


@dataclass
class StoreReader:
    """The finished shards in one place, and the rows in them.

    Attributes:
        folder: A folder, or a URL that fsspec opens.
        place: The same, opened.
        entries: What the index says of each shard, by its number; `StateStore` keeps it.
    """

    folder: AnyPath | str
    place: Storage = field(init=False, repr=False)
    entries: dict[int, ShardEntry] = field(init=False, repr=False)
    _open: dict[int, ShardFile] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.place = storage_at(self.folder)
        self.entries = read_index(self.place)

    @property
    def ids(self) -> tuple[RowKey, ...]:
        """The keys of all stored rows, shard after shard."""
        return tuple(i for number in sorted(self.entries) for i in self.entries[number].ids)

    @property
    def digest(self) -> str:
        """SHA-256 of the index: it changes whenever any shard does."""
        return index_digest(self.entries)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the finished shards."""
        return tuple(sorted(self.entries))

    def misplaced(self) -> dict[int, str]:
        """Look at the files' sizes alone and give, for each shard that is missing or cut, what is wrong with it."""
        sizes = self.place.sizes()
        faults = {}
        for number, entry in sorted(self.entries.items()):
            where, size = f"{self.place.address}/{shard_name(number)}", sizes.get(shard_name(number))
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
        for done, (number, entry) in enumerate(sorted(self.entries.items())):
            if on_progress is not None:
                on_progress(done)
            if number in faults:
                continue
            try:
                whole = entry_of(self.place, shard_name(number)) == entry
            except (DamagedFileError, FileNotFoundError):
                whole = False
            if not whole:
                where = f"{self.place.address}/{shard_name(number)}"
                faults[number] = f"{where} is damaged: its digest is not the one in {INDEX}"
        return dict(sorted(faults.items()))

    @property
    def positions(self) -> tuple[Position, ...]:
        """The positions that every shard holds, in the order of axis P.

        Raises:
            DamagedFileError: there are no shards, or they differ, or this version does not know a position.
        """
        held = {
            positions_named(f"{self.place.address}/{shard_name(number)}", entry.positions)
            for number, entry in sorted(self.entries.items())
        }
        if len(held) > 1:
            raise DamagedFileError(
                f"the shards in {self.place.address} hold different positions; run the study again to have them "
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
        if not self.entries:
            raise self._empty()
        tensors = self._opened(min(self.entries)).sites
        return {site: (tensor.shape[0], tensor.shape[3]) for site, tensor in tensors.items()}

    def read(
        self, site: Site, layer: int, positions: tuple[Position, ...], ids: Sequence[RowKey] | None = None
    ) -> StoredLayer:
        """Read some positions of one layer, which stand side by side, for `ids` (default: all), in that order.

        Raises:
            KeyError: a row is not stored.
            DamagedFileError: a file is not as it was written, or lacks what was asked.
        """
        chosen = self.ids if ids is None else tuple(ids)
        column = {i: n for n, i in enumerate(chosen)}
        bits: AnyArray | None = None
        dtypes = set()
        present = np.zeros((len(positions), len(chosen)), dtype=bool)
        found = np.zeros(len(chosen), dtype=bool)
        for number, here in self._holding(column):
            there = [column[self.entries[number].ids[n]] for n in here]
            file = self._opened(number)
            columns = file.columns(positions)
            piece = file.read_cells(site, layer, columns)
            dtypes.add(piece.dtype)
            if bits is None:
                bits = np.zeros((len(present), len(chosen), piece.bits.shape[-1]), dtype=piece.bits.dtype)
            bits[:, there] = piece.bits[:, here]
            present[:, there] = file.present[columns, here]
            found[there] = True
        if bits is None or not found.all():
            missing = sorted(i for i, n in column.items() if not found[n])
            raise KeyError(f"{len(missing)} answers have no states in {self.place.address}, e.g. {missing[:3]}")
        if len(dtypes) > 1:
            raise DamagedFileError(
                f"the shards in {self.place.address} hold states of {' and '.join(sorted(dtypes))}; run the study "
                "again to have them captured alike"
            )
        return StoredLayer(chosen, positions, StoredStates(bits, dtypes.pop()), present)

    def _holding(self, wanted: Mapping[RowKey, int]) -> Iterator[tuple[int, list[int]]]:
        """Return the shards that hold any of these rows, and which of their columns do."""
        for number in sorted(self.entries):
            here = [n for n, i in enumerate(self.entries[number].ids) if i in wanted]
            if here:
                yield number, here

    def _opened(self, number: int) -> ShardFile:
        if number not in self._open:
            self._open[number] = open_shard_file(self.place, shard_name(number), self.entries[number])
        return self._open[number]

    def _empty(self) -> DamagedFileError:
        return DamagedFileError(f"{self.place.address} holds no states; run the study to capture them")
