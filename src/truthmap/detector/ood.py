"""How far a state lies from those a detector was trained on, and which of those lie nearest.

When a distance is too large is decided by split conformal prediction (Papadopoulos et al., ECML 2002; Laxhammar and
Falkman 2010 for anomalies): the Gaussian is fitted to some of the answers, the threshold is a quantile of the distances
of others, so these and a new answer of their kind are measured from the very same cloud.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import AnyArray, Bools, Floats, Floats32, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.clusters import one_per_group
from truthmap.shown import ShortRepr


@dataclass(frozen=True, repr=False)
class GaussianOOD(ShortRepr):
    """A Gaussian around states: r directions with a variance each, and one variance for all the others.

    That is the covariance of probabilistic principal components (Tipping and Bishop 1999): with fewer answers than
    dimensions the full one cannot be inverted, and this one needs r · d numbers instead of d².

    Attributes:
        mean, scale: float64 (d,), what standardises a state.
        directions: float32 (r, d), orthonormal.
        variance: float64 (r,), along the directions, descending.
        noise: Variance along every other direction; 0 where there is no other.
    """

    mean: Floats
    scale: Floats
    directions: Floats32
    variance: Floats
    noise: float

    def coordinates(self, states: AnyArray) -> Floats:
        """Return the whitened coordinates along the directions: states (n, d) → float64 (n, r)."""
        return self.whitened(self._standardised(states) @ self.directions.T.astype(np.float64))

    def distance(self, states: AnyArray) -> Floats:
        """Return the Mahalanobis distance: states (n, d) → float64 (n,)."""
        x = self._standardised(states)
        return self.distance_along(x @ self.directions.T.astype(np.float64), (x**2).sum(axis=1))

    def whitened(self, along: Floats) -> Floats:
        """Return whitened coordinates: those of standardised states along the directions (n, r) → float64 (n, r)."""
        return np.asarray(along / np.sqrt(self.variance), dtype=np.float64)

    def distance_along(self, along: Floats, squared: Floats) -> Floats:
        """Return the Mahalanobis distance, float64 (n,), by what is known of standardised states.

        Args:
            along: float64 (n, r), their coordinates along the directions.
            squared: float64 (n,), their squared lengths.
        """
        total = (along**2 / self.variance).sum(axis=1)
        if self.noise > 0:
            total += np.maximum(squared - (along**2).sum(axis=1), 0) / self.noise
        return np.asarray(np.sqrt(total), dtype=np.float64)

    def _standardised(self, states: AnyArray) -> Floats:
        return np.asarray((states.astype(np.float64) - self.mean) / self.scale, dtype=np.float64)


@dataclass(frozen=True)
class ConformalThreshold:
    """A distance that an answer like those that it was set on exceeds with at most a known probability.

    Attributes:
        distance: The threshold.
        rate: The probability of a larger distance, over draws of the answers that it was set on: exactly this where
            distances do not tie.
    """

    distance: float
    rate: float


def conformal_threshold(distances: Floats, wanted: float) -> ConformalThreshold:
    """Return the ⌈(1 − wanted)(n + 1)⌉-th smallest of n distances of answers that the Gaussian was not fitted to.

    With fewer than 1 / wanted − 1 distances no threshold has so small a rate but infinity, which would flag nothing
    ever; then it is the largest distance, and its rate, 1 / (n + 1), is said.
    """
    n = len(distances)
    rank = min(n, math.ceil((1 - wanted) * (n + 1) - 1e-9))
    return ConformalThreshold(float(np.sort(distances)[rank - 1]), (n + 1 - rank) / (n + 1))


def calibration_rows(fold: Ints, group: Sequence[str], wanted: float) -> tuple[Bools, Bools]:
    """Split answers into those that a Gaussian is fitted to and those that its threshold is set on: bool (n,) each.

    Whole folds set the threshold: as few as hold 1 / wanted − 1 groups, but no more than half of them. One answer of
    each group counts: answers of one group are not exchangeable with those of another.

    Args:
        fold: int64 (n,), -1 where an answer takes part in neither.
        group: What belongs together, n names.
        wanted: The rate of false alarms that is wanted.
    """
    alone = one_per_group(group)
    folds = np.unique(fold[fold >= 0]).tolist()
    if len(folds) < 2:
        raise NotEnoughDataError("a threshold on distances needs answers in two folds; ask more questions")
    held: list[int] = []
    while len(held) < len(folds) // 2 and (alone & np.isin(fold, held)).sum() < 1 / wanted - 1:
        held.append(folds[-1 - len(held)])
    setting = np.isin(fold, held)
    return (fold >= 0) & ~setting, setting & alone


def nearest(coordinates: Floats32, point: Floats, k: int) -> Ints:
    """Return the rows of `coordinates` (n, r) that lie nearest to `point` (r,), the nearest first: int64 (k,)."""
    squared = ((coordinates.astype(np.float64) - point) ** 2).sum(axis=1)
    return np.argsort(squared, kind="stable")[:k]
