"""One cell of a run with all that is exported of it, the same for every format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from truthmap.arrays import AnyArray
from truthmap.probes.grid import Cell
from truthmap.probes.linear import LinearProbe
from truthmap.runs.answer_table import answer_table
from truthmap.runs.cell_dataset import CellDataset
from truthmap.runs.cells import cell_probe
from truthmap.runs.data import RunData


@dataclass(frozen=True)
class CellExport:
    """One cell of a run, as it is exported; each part is made when it is first asked for.

    Attributes:
        data: The run.
        cell: The cell.
    """

    data: RunData
    cell: Cell

    @cached_property
    def dataset(self) -> CellDataset:
        """The states of the cell with their labels."""
        return self.data.dataset(self.cell.layer, self.cell.position, site=self.cell.site)

    @cached_property
    def probe(self) -> LinearProbe:
        """The cell's probe, fitted on train + validation."""
        return cell_probe(self.data, self.cell)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The graded answers with the cell's scores."""
        return answer_table(self.data, self.cell)

    @property
    def has_probe(self) -> bool:
        """Whether enough right and wrong answers have the cell to fit its probe."""
        grid = self.data.grid(self.cell.site)
        return bool(grid.c[grid.index(self.cell)] > 0)

    @property
    def arrays(self) -> dict[str, AnyArray]:
        """The numbers by their names: X float32 (n, d), y bool (n,), fold int64 (n,), and what the cell's probe reads.

        That is `weight` (d,) and `bias` (1,) for raw states, `X @ weight + bias` being the log-odds of being right, and
        `direction` (d,), the weight at length 1; all float64, and left out where the cell has no probe.
        """
        numbers: dict[str, AnyArray] = {"X": self.dataset.x, "y": self.dataset.y, "fold": self.dataset.fold}
        if self.has_probe:
            probe = self.probe
            numbers |= {"weight": probe.raw_weight, "bias": np.array([probe.raw_bias]), "direction": probe.direction}
        return numbers

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The texts by their names, n of each: ids, groups, split."""
        rows = self.dataset
        parts = tuple(str(split) for split in rows.split)
        return {"ids": tuple(str(i) for i in rows.ids), "groups": rows.group, "split": parts}

    @property
    def about(self) -> dict[str, Any]:
        """What the numbers are of, for whoever opens the file: plain data."""
        identity = self.data.settings["model_identity"]
        return {
            "model": self.data.summary.model,
            "architecture": identity["architecture"],
            "questions": self.data.summary.questions,
            "site": str(self.cell.site),
            "layer": self.cell.layer,
            "position": str(self.cell.position),
            "truthmap": self.data.settings["versions"]["truthmap"],
        }
