"""The grid's out-of-fold scores on disk: `scores.safetensors`, a tensor per site."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath, atomic_write, read_regular, reason_of
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.probes.grid import GridScores
from truthmap.records import RowKey, Site
from truthmap.runs.file_names import SCORES, most_of
from truthmap.store.tensor_files import save_tensors, tensors_metadata

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
        save_tensors(temp_path, tensors, {_OURS: json.dumps(ours)})


def read_out_of_fold(path: AnyPath, sites: Sequence[Site]) -> dict[Site, GridScores]:
    """Read back the scores of these sites.

    Raises:
        DamagedFileError: the file does not open, or does not hold what it should.
    """
    try:
        return out_of_fold_in(read_regular(path, most_of(SCORES)), path, sites)
    except FileNotFoundError as error:
        raise DamagedFileError(f"{path} is missing; run the study again") from error


def out_of_fold_in(content: bytes, path: AnyPath, sites: Sequence[Site]) -> dict[Site, GridScores]:
    """Read the scores of these sites in a file's content; `path` is what messages call it.

    Raises:
        DamagedFileError: it does not hold what it should.
    """
    named = ", ".join(map(str, sites))
    try:
        held = {Site(name): tensor for name, tensor in load_tensors(content).items()}
        ids, positions = _axes(tensors_metadata(content))
        found = {site: held[site] for site in sites}
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DamagedFileError(
            f"{path} cannot be read for {named} ({reason_of(error)}); run the study again"
        ) from error
    for scores in found.values():
        if scores.dtype != np.float32 or scores.ndim != 3 or scores.shape[1:] != (len(positions), len(ids)):
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
