"""The states of one cell with their labels, as arrays: what a probe of one's own is fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats32, Ints
from truthmap.records import Answer, Grade, RowKey, Split
from truthmap.shown import ShortRepr

Place = Callable[[Answer, Grade], int | None]
"""A position of one's own: the token's index in prompt ids + answer ids, `None` where an answer has none."""


@dataclass(frozen=True, repr=False)
class CellDataset(ShortRepr):
    """The states of n rows in one cell, and what is to be known of each row.

    Attributes:
        x: float32 (n, d).
        y: bool (n,), whether the answer is right.
        ids: The rows' keys.
        split: Train, validation or test, by question.
        fold: int64 (n,), cross-validation fold; -1 in the test part.
        group: What belongs together: the unit that is resampled.
        missing: Scored rows that have no such position, or no finite state there; they are left out.
    """

    x: Floats32
    y: Bools
    ids: tuple[RowKey, ...]
    split: tuple[Split, ...]
    fold: Ints
    group: tuple[str, ...]
    missing: int

    @property
    def test(self) -> Bools:
        """Which rows are in the test part: bool (n,). Choose nothing on them."""
        return np.array([split is Split.TEST for split in self.split], dtype=bool)
