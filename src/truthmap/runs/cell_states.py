"""The states of one cell as plain arrays, for whatever one does with them outside truthmap."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from truthmap.arrays import Bools, Floats32
from truthmap.shown import short, short_line

Texts = np.ndarray[Any, np.dtype[np.object_]]
"""An array of texts, each a Python string, so that none is cut or padded."""


class CellStates(NamedTuple):
    """The states of n rows in one cell: `X, y, ids, groups, split = run.states(...)`.

    Attributes:
        X: float32 (n, d).
        y: bool (n,), whether the answer is right.
        ids: Texts (n,), the rows' keys: the question's id, with the sample's and claim's numbers where these are not 0.
        groups: Texts (n,), what belongs together: keep them in one fold, resample them as one.
        split: Texts (n,), train, validation or test; choose nothing on the test part.
    """

    X: Floats32
    y: Bools
    ids: Texts
    groups: Texts
    split: Texts

    def __repr__(self) -> str:
        return short_line("CellStates", ", ".join(f"{name}={short(value)}" for name, value in self._asdict().items()))


def texts_array(texts: tuple[str, ...]) -> Texts:
    """Return texts as an array of plain strings (n,)."""
    array = np.empty(len(texts), dtype=object)
    array[:] = [str(text) for text in texts]
    return array
