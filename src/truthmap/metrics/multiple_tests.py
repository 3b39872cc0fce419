"""P-values of several tests, corrected for their number."""

from __future__ import annotations

import numpy as np

from truthmap.arrays import Floats


def holm(p_values: Floats) -> Floats:
    """Return p-values float64 (m,) corrected for m tests (Holm, Scandinavian Journal of Statistics 1979).

    Whatever the tests share, one of them rejects a true hypothesis at level a with probability a at most.

    >>> [round(float(p), 3) for p in holm(np.array([0.04, 0.01, 0.03]))]
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    left = len(p_values) - np.arange(len(p_values))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * left), 1.0)
    return corrected
