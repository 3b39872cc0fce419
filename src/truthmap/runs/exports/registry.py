"""The formats that a cell of a run is exported in, a line each; loading them loads no numeric code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import cast


@dataclass(frozen=True)
class ExportFormat:
    """A format that a cell of a run can be exported in.

    Attributes:
        name: What it is called on the command line.
        ending: Of the file's name.
        holds: What the file holds, in a few words.
        write: Where in this folder the function is that writes (path, `CellExport`) and returns what it wrote, a line
            each, `module:function`: naming it loads nothing.
    """

    name: str
    ending: str
    holds: str
    write: str

    def load(self) -> Callable[..., list[str]]:
        """Load the function that writes it."""
        return cast("Callable[..., list[str]]", resolve_name(f"truthmap.runs.exports.{self.write}"))


EXPORTS = {
    each.name: each
    for each in (
        ExportFormat("npz", ".npz", "states, labels and probe as NumPy arrays", "numpy_archive:write_npz"),
        ExportFormat("parquet", ".parquet", "answers, grades, scores and states", "parquet_table:write_parquet"),
        ExportFormat("safetensors", ".safetensors", "as npz", "tensors:write_safetensors"),
        ExportFormat("gguf", ".gguf", "the probe's direction as control vector", "control_vector:write_control_vector"),
    )
}
"""By the names that they have on the command line."""
