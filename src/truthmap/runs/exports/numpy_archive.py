"""A cell of a run as NumPy's archive of arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from truthmap.arrays import AnyArray
from truthmap.errors import UsageError
from truthmap.files import atomic_write
from truthmap.runs.exports.cell_export import CellExport

MOST_TEXT = 1 << 30
"""Bytes of an array of texts, in which each is as long as the longest."""


def write_npz(path: Path, export: CellExport) -> list[str]:
    """Write the arrays of a cell; none is pickled, so that `np.load(path)` opens all of them.

    Raises:
        UsageError: the ids are too long for an array of texts.
        StorageError: the file cannot be written.
    """
    arrays = {**export.arrays, **{name: _fixed_width(name, texts) for name, texts in export.texts.items()}}
    with atomic_write(path) as temp_path, temp_path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays, about=np.array(json.dumps(export.about)))
    return [f"{name} {array.dtype} {array.shape}" for name, array in arrays.items()]


def _fixed_width(name: str, texts: tuple[str, ...]) -> AnyArray:
    longest = max(map(len, texts), default=0)
    if 4 * longest * len(texts) > MOST_TEXT:
        raise UsageError(
            f"the longest of the {name} has {longest:,} characters, and an array would take as much for each of "
            f"{len(texts):,}: export to parquet or safetensors"
        )
    array: AnyArray = np.array(texts, dtype=f"U{max(longest, 1)}")
    if array.tolist() != list(texts):
        raise UsageError(f"some of the {name} end with a null character, which an array of texts drops: use parquet")
    return array
