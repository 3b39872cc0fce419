"""The direction of a cell's probe as a control vector: what llama.cpp adds to hidden states, and repeng reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter

from truthmap.errors import UsageError
from truthmap.files import atomic_write
from truthmap.records import Site
from truthmap.runs.exports.cell_export import CellExport

_ARCHITECTURE = "controlvector"


def write_control_vector(path: Path, export: CellExport) -> list[str]:
    """Write the direction, of length 1, towards right answers, as the tensor `direction.LAYER` of a GGUF file.

    llama.cpp adds `direction.k` to what block k puts out, counted from 0, at every token; it has none for block 0.

    Raises:
        UsageError: the cell reads something else than a block's output, or that of block 0.
        NotEnoughDataError: the cell has no probe.
        StorageError: the file cannot be written.
    """
    cell = export.cell
    if cell.site is not Site.RESIDUAL or cell.layer == 0:
        raise UsageError(
            "a control vector is added to the output of a block after the first, and the cell is layer "
            f"{cell.layer} of {cell.site}: choose --site residual and a --layer from 1"
        )
    direction = export.probe.direction.astype(np.float32)
    with atomic_write(path) as temp_path:
        writer = GGUFWriter(temp_path, _ARCHITECTURE)
        writer.add_string(f"{_ARCHITECTURE}.model_hint", export.about["architecture"])
        writer.add_uint32(f"{_ARCHITECTURE}.layer_count", 1)
        writer.add_tensor(f"direction.{cell.layer}", direction)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return [f"direction.{cell.layer} float32 {direction.shape}, of length 1, towards right answers"]
