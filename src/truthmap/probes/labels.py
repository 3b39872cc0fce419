"""What the probes are to predict, and how the answers are split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from truthmap.arrays import Bools, Ints
from truthmap.positions import Position
from truthmap.records import Site, Split
from truthmap.store.shards import LayerStates


@dataclass(frozen=True)
class LabelledAnswers:
    """Labels of n scored answers.

    Attributes:
        ids: Question ids.
        y: bool (n,), whether the answer is right.
        part: Each answer's part of the study.
        fold: int64 (n,), cross-validation fold, -1 in the test part.
        group: What belongs together: the unit that is resampled.
        canonical: The exact answer in one spelling.
    """

    ids: tuple[str, ...]
    y: Bools
    part: tuple[Split, ...]
    fold: Ints
    group: tuple[str, ...]
    canonical: tuple[str, ...]

    def of(self, test: bool) -> LabelledAnswers:
        """Keep the answers of the test part, or those of all others."""
        return self.take(np.array([(part is Split.TEST) == test for part in self.part], dtype=bool))

    def take(self, chosen: Bools) -> LabelledAnswers:
        """Keep the chosen answers: bool (n,)."""
        rows = np.flatnonzero(chosen).tolist()
        return LabelledAnswers(
            tuple(self.ids[n] for n in rows),
            self.y[rows],
            tuple(self.part[n] for n in rows),
            self.fold[rows],
            tuple(self.group[n] for n in rows),
            tuple(self.canonical[n] for n in rows),
        )


class LayerSource(Protocol):
    """Where states are read from, a layer or a cell at a time."""

    @property
    def positions(self) -> tuple[Position, ...]:
        """What axis P of a layer holds."""
        ...

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return (L, d) of each site."""
        ...

    def read_layer(self, site: Site, layer: int, ids: Sequence[str] | None = None) -> LayerStates:
        """Read one layer for `ids`, in that order."""
        ...

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[str] | None = None) -> LayerStates:
        """Read one cell for `ids`, in that order: P is 1. Several threads may do so at once."""
        ...
