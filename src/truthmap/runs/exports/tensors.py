"""A cell of a run as a safetensors file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from truthmap.files import atomic_write
from truthmap.runs.exports.cell_export import CellExport
from truthmap.store.tensor_files import save_tensors


def write_safetensors(path: Path, export: CellExport) -> list[str]:
    """Write the arrays of a cell; ids, groups, split and what they are of are JSON in the metadata, under `truthmap`.

    Raises:
        StorageError: the file cannot be written.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in export.arrays.items()}
    with atomic_write(path) as temp_path:
        save_tensors(temp_path, arrays, {"truthmap": json.dumps({**export.about, **export.texts})})
    told = [f"{name} {array.dtype} {array.shape}" for name, array in arrays.items()]
    return [*told, f"metadata truthmap: {', '.join([*export.about, *export.texts])}"]
