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
from truthmap.probes.grid import GridScores
from truthmap.records import Site

NAME = "scores.safetensors"


def write_out_of_fold(path: Path, scores: Sequence[GridScores]) -> None:
    """Write the scores of all sites, whole or not at all: float32 (L, P, n) each, the ids in the metadata.

    Raises:
        StorageError: the file cannot be written.
    """
    tensors = {str(each.site): np.ascontiguousarray(each.scores, dtype=np.float32) for each in scores}
    with atomic_write(path) as beside:
        save_file(tensors, beside, metadata={"ids": json.dumps(scores[0].ids)})


def read_out_of_fold(path: Path, site: Site) -> GridScores:
    """Read back one site's scores.

    Raises:
        DamagedFileError: the file does not open, or does not hold what it should.
    """
    try:
        with safe_open(path, framework="np") as file:
            ids = tuple(json.loads(file.metadata()["ids"]))
            scores = file.get_tensor(str(site))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} cannot be read for {site} ({error}); run the study again") from error
    if scores.ndim != 3 or scores.shape[2] != len(ids):
        raise DamagedFileError(
            f"{path} holds scores of shape {scores.shape} for {len(ids)} answers; run the study again"
        )
    return GridScores(site, ids, scores)
