"""The store of hidden states: one safetensors file per shard, a digest for each in `index.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from truthmap.errors import DamagedFileError
from truthmap.files import file_digest, read_json, storage_errors, write_json, written_whole
from truthmap.records import POSITIONS, Site

FORMAT = 1
_PRESENT = "present"


@dataclass(frozen=True)
class StateShard:
    """The states of a few answers, all layers and positions.

    Attributes:
        ids: Question ids, in the order of axis n.
        present: bool (P, n); False where an answer has no such position. The state there is zero and means nothing.
        states: For each site a float tensor (L, P, n, d) on the CPU.
    """

    ids: tuple[str, ...]
    present: np.ndarray[Any, np.dtype[np.bool_]]
    states: Mapping[Site, torch.Tensor]

    def __post_init__(self) -> None:
        assert self.present.shape == (len(POSITIONS), len(self.ids)), self.present.shape
        for states in self.states.values():
            assert states.ndim == 4, states.shape
            assert tuple(states.shape[1:3]) == self.present.shape, states.shape


def join_shards(pieces: Sequence[StateShard], ids: Sequence[str]) -> StateShard:
    """Put pieces together into one shard with the answers in the order of `ids`.

    Raises:
        KeyError: an id is in no piece.
    """
    found = [i for piece in pieces for i in piece.ids]
    place = {i: n for n, i in enumerate(found)}
    order = [place[i] for i in ids]
    return StateShard(
        tuple(ids),
        np.concatenate([piece.present for piece in pieces], axis=1)[:, order],
        {site: torch.cat([piece.states[site] for piece in pieces], dim=2)[:, :, order] for site in pieces[0].states},
    )


@dataclass(frozen=True)
class LayerStates:
    """One layer's states of one site for chosen answers.

    Attributes:
        ids: The answers, in the order of axis n.
        states: float tensor (P, n, d), in the stored dtype.
        present: bool (P, n).
    """

    ids: tuple[str, ...]
    states: torch.Tensor
    present: np.ndarray[Any, np.dtype[np.bool_]]


@dataclass
class StateStore:
    """The shards of one run: `00000.safetensors` … and `index.json` in one folder.

    A shard is named by its number and sealed by a key: the digest of everything that made it. A shard whose key is not
    the one expected counts as absent, so a changed setting redoes just what depends on it.
    """

    folder: Path
    _index: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._index = {"format": FORMAT, "shards": {}}
        path = self.folder / "index.json"
        if path.exists():
            index = read_json(path)
            if (
                not isinstance(index, dict)
                or index.get("format") != FORMAT
                or not isinstance(index.get("shards"), dict)
            ):
                raise DamagedFileError(
                    f"{path} is no index of format {FORMAT}; delete it to have the states captured again"
                )
            self._index = index

    def has(self, number: int, key: str) -> bool:
        """Tell whether shard `number` is finished and was made from what `key` stands for."""
        entry = self._index["shards"].get(_name(number))
        return entry is not None and entry["key"] == key and (self.folder / _name(number)).exists()

    def write(self, number: int, key: str, shard: StateShard) -> None:
        """Write a shard: whole or not at all.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        tensors = {str(site): states.contiguous() for site, states in shard.states.items()}
        tensors[_PRESENT] = torch.from_numpy(np.ascontiguousarray(shard.present, dtype=np.uint8))
        path = self.folder / _name(number)
        with written_whole(path) as beside, storage_errors(path):
            try:
                save_file(tensors, beside, metadata={"ids": json.dumps(shard.ids)})
            except SafetensorError as error:
                raise _as_os_error(error) from error
            digest = file_digest(beside)
        self._index["shards"][_name(number)] = {"key": key, "digest": digest, "ids": list(shard.ids)}
        write_json(self.folder / "index.json", self._index)

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Forget and delete every shard but these; afterwards there is an index, even of no shards."""
        wanted = {_name(number) for number in numbers}
        dropped = [name for name in self._index["shards"] if name not in wanted]
        for name in dropped:
            del self._index["shards"][name]
        index = self.folder / "index.json"
        if dropped or not index.exists():
            write_json(index, self._index)
        for path in self.folder.glob("*.safetensors"):
            if path.name not in wanted:
                path.unlink()

    def forget(self, number: int) -> None:
        """Drop one shard, so that it is made again."""
        self.keep_only({int(Path(name).stem) for name in self._index["shards"]} - {number})

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all stored answers, shard after shard."""
        return tuple(i for name in sorted(self._index["shards"]) for i in self._index["shards"][name]["ids"])

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of the finished shards' files."""
        return tuple(sorted(self._index["shards"]))

    def damaged(self) -> dict[int, str]:
        """Read every shard and give, for each that is not as it was written, what is wrong with it."""
        faults = {}
        for name, entry in sorted(self._index["shards"].items()):
            path = self.folder / name
            if not path.exists():
                faults[int(path.stem)] = f"{path} is missing"
            elif file_digest(path) != entry["digest"]:
                faults[int(path.stem)] = f"{path} is damaged: its digest is not the one in index.json"
        return faults

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Give (L, d) of each stored site.

        Raises:
            DamagedFileError: a file does not open, or there is none.
        """
        names = sorted(self._index["shards"])
        if not names:
            raise DamagedFileError(f"{self.folder} holds no states; run the study to capture them")
        with _opened(self.folder / names[0]) as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys() if name != _PRESENT}  # noqa: SIM118
        return {Site(name): (shape[0], shape[3]) for name, shape in shapes.items()}

    def read_layer(self, site: Site, layer: int, ids: Sequence[str] | None = None) -> LayerStates:
        """Read one layer for `ids` (default: all), in that order.

        Raises:
            KeyError: an id is not stored.
            DamagedFileError: a file does not open or lacks what was asked.
        """
        chosen = self.ids if ids is None else tuple(ids)
        column = {i: n for n, i in enumerate(chosen)}
        states: torch.Tensor | None = None
        present = np.zeros((len(POSITIONS), len(chosen)), dtype=bool)
        for name in sorted(self._index["shards"]):
            stored = self._index["shards"][name]["ids"]
            here = [n for n, i in enumerate(stored) if i in column]
            if not here:
                continue
            there = [column[stored[n]] for n in here]
            with _opened(self.folder / name) as file:
                piece = file.get_slice(str(site))[layer]
                mask = file.get_tensor(_PRESENT).numpy().astype(bool)
            if states is None:
                states = piece.new_zeros((len(POSITIONS), len(chosen), piece.shape[-1]))
            states[:, there] = piece[:, here]
            present[:, there] = mask[:, here]
        missing = set(chosen) - set(self.ids)
        if missing or states is None:
            raise KeyError(f"{len(missing)} answers have no states in {self.folder}, e.g. {sorted(missing)[:3]}")
        return LayerStates(chosen, states, present)


def _name(number: int) -> str:
    return f"{number:05d}.safetensors"


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        raise DamagedFileError(f"{path} cannot be read ({error}); start the run again to have it made anew") from error


def _as_os_error(error: SafetensorError) -> Exception:
    text = str(error)
    return OSError(28, text) if "No space left" in text or "os error 28" in text else error
