"""The grid's out-of-fold scores on disk: `scores.safetensors`, a tensor per site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from truthmap.errors import DamagedFileError
from truthmap.files import atomic_write
from truthmap.probes.grid import OutOfFold
from truthmap.records import Site


def write_out_of_fold(path: Path, scores: Sequence[OutOfFold]) -> None:
    """Write the scores of all sites, whole or not at all: float32 (L, P, n) each, the ids in the metadata.

    Raises:
        StorageError: the file cannot be written.
    """
    tensors = {str(each.site): np.ascontiguousarray(each.scores, dtype=np.float32) for each in scores}
    with atomic_write(path) as beside:
        save_file(tensors, beside, metadata={"ids": json.dumps(scores[0].ids)})


def read_out_of_fold(path: Path, sites: Sequence[Site]) -> dict[Site, OutOfFold]:
    """Read back the scores of these sites.

    Raises:
        DamagedFileError: the file does not open, or does not hold what it should.
    """
    named = ", ".join(map(str, sites))
    try:
        with safe_open(path, framework="np") as file:
            ids = tuple(json.loads(file.metadata()["ids"]))
            found = {site: file.get_tensor(str(site)) for site in sites}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} cannot be read for {named} ({error}); run the study again") from error
    for scores in found.values():
        if scores.ndim != 3 or scores.shape[2] != len(ids):
            raise DamagedFileError(
                f"{path} holds scores of shape {scores.shape} for {len(ids)} answers; run the study again"
            )
        scores.setflags(write=False)
    return {site: OutOfFold(site, ids, scores) for site, scores in found.items()}
