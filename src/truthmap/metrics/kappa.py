"""Cohen's kappa: how far two graders agree beyond chance (Cohen, Educational and Psychological Measurement 1960)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truthmap.arrays import Floats, Ints
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.intervals import CONFIDENCE, exact_lower_bound

_ALWAYS = 1 - 1e-12


def kappa_of(table: Floats | Ints) -> float:
    """Return Cohen's kappa of a contingency table (k, k) of counts or shares, a row per label of one grader.

    It is NaN where it is not defined: nothing was counted, or both graders always give one and the same label.

    >>> round(kappa_of(np.array([[20, 5], [10, 15]])), 3)
    0.4
    """
    total = float(table.sum())
    if total <= 0:
        return float("nan")
    chance = _chance(table)
    return float("nan") if chance >= _ALWAYS else (float(np.trace(table)) / total - chance) / (1 - chance)


def cohen_kappa(first: Sequence[str], second: Sequence[str], groups: Sequence[str], label: str) -> Estimate | None:
    """Return Cohen's kappa of two graders' labels of n rows with its 95 % interval; `None` where it is not defined.

    The interval is that of resampled groups. Where the graders never differ no resample does, and a lower end of 1
    would promise too much: it is then kappa at the least agreement that as many groups in agreement leave possible
    (Clopper and Pearson 1934), with the chance agreement that was seen.

    Args:
        first: n labels of one grader.
        second: n labels of the other.
        groups: What belongs together, n names.
        label: Names the analysis; the draws depend on it alone.
    """
    names, codes = np.unique([*first, *second], return_inverse=True)
    joint = codes[: len(first)] * len(names) + codes[len(first) :]

    def table(rows: Ints) -> Ints:
        return np.bincount(joint[rows], minlength=len(names) ** 2).reshape(len(names), len(names))

    whole = table(np.arange(len(first), dtype=np.int64))
    if np.isnan(kappa_of(whole)):
        return None
    found = bootstrap(lambda rows: np.array([kappa_of(table(rows))]), groups, label)[0]
    if np.trace(whole) < len(first):
        return found
    n_groups = len(set(groups))
    least = exact_lower_bound(n_groups, n_groups, (1 + CONFIDENCE) / 2)
    return found.model_copy(update={"low": max(-1.0, 1 - (1 - least) / (1 - _chance(whole)))})


def _chance(table: Floats | Ints) -> float:
    """Return the share of agreement that graders would reach who give their labels as often, but at random."""
    return float((table.sum(axis=1) / table.sum()) @ (table.sum(axis=0) / table.sum()))
