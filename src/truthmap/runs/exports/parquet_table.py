"""The answers of a run with the states of one cell, a row each, as a Parquet file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truthmap.files import atomic_write
from truthmap.runs.exports.cell_export import CellExport


def write_parquet(path: Path, export: CellExport) -> list[str]:
    """Write the table of answers and, in the column `state`, the states of the cell: float32 (d,) each, or null.

    Raises:
        StorageError: the file cannot be written.
    """
    answers = pa.Table.from_pandas(export.table, preserve_index=False)
    table = answers.append_column("state", _states(export))
    table = table.replace_schema_metadata({b"truthmap": json.dumps(export.about).encode()})
    with atomic_write(path) as temp_path:
        pq.write_table(table, temp_path)
    return [f"{name} {kind}" for name, kind in zip(table.column_names, table.schema.types, strict=True)]


def _states(export: CellExport) -> pa.Array:
    """Return the state of each row of the table, null where it has none."""
    rows = export.dataset
    place = {str(row): n for n, row in enumerate(rows.ids)}
    n, d = rows.x.shape
    # Lists of any length: pyarrow 24 and older ones cannot read back those of a fixed length where some are null.
    states = pa.LargeListArray.from_arrays(np.arange(n + 1) * d, pa.array(np.ascontiguousarray(rows.x).ravel()))
    return states.take(pa.array([place.get(row) for row in export.table["id"]], type=pa.int64()))
