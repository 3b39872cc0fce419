"""The grid's out-of-fold scores on disk: `scores.safetensors`, a tensor per site."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath, atomic_write, reason_of
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.probes.grid import GridScores
from truthmap.records import RowKey, Site

_OURS = "truthmap"


def write_out_of_fold(path: AnyPath, scores: Sequence[GridScores]) -> None:
    """Write the scores of all sites, whole or not at all: float32 (L, P, n) each; ids and positions in the metadata.

    Raises:
        StorageError: the file cannot be written.
    """
    tensors = {str(each.site): np.ascontiguousarray(each.scores, dtype=np.float32) for each in scores}
    ours = {"ids": scores[0].ids, "positions": [str(position) for position in scores[0].positions]}
    with atomic_write(path) as temp_path:
        # One entry: safetensors writes several in no particular order, and the same scores must give the same bytes.
        save_file(tensors, temp_path, metadata={_OURS: json.dumps(ours)})


def read_out_of_fold(path: AnyPath, sites: Sequence[Site]) -> dict[Site, GridScores]:
    """Read back the scores of these sites.

    Raises:
        DamagedFileError: the file does not open, or does not hold what it should.
    """
    named = ", ".join(map(str, sites))
    try:
        with safe_open(Path(path), framework="np") as file:
            ids, positions = _axes(file.metadata())
            names = {Site(name): name for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            found = {site: file.get_tensor(names[site]) for site in sites}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(
            f"{path} cannot be read for {named} ({reason_of(error)}); run the study again"
        ) from error
    for scores in found.values():
        if scores.ndim != 3 or scores.shape[1:] != (len(positions), len(ids)):
            raise DamagedFileError(
                f"{path} holds scores of shape {scores.shape} for {len(positions)} positions and {len(ids)} answers; "
                "run the study again"
            )
        scores.setflags(write=False)
    return {site: GridScores(site, positions, ids, scores) for site, scores in found.items()}


def _axes(metadata: Mapping[str, str]) -> tuple[tuple[RowKey, ...], tuple[Position, ...]]:
    """Return what axes n and P of a file hold: ids and positions."""
    if _OURS not in metadata:
        return tuple(
            map(RowKey, json.loads(metadata["ids"]))
        ), LEGACY_POSITIONS  # older than the names of positions in files
    ours = json.loads(metadata[_OURS])
    return tuple(map(RowKey, ours["ids"])), tuple(map(Position.of, ours["positions"]))
