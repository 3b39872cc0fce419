"""A readout: the weights of one or a few cells, with what turns a score into a calibrated verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truthmap.arrays import AnyArray, Floats, Floats32, Ints
from truthmap.detector.config import HeadConfig
from truthmap.detector.ood import GaussianOOD, nearest


@dataclass(frozen=True)
class SelfTest:
    """States and what they must give: float32 (m, K, d), and float64 (m,) each."""

    states: Floats32
    scores: Floats
    distances: Floats


@dataclass(frozen=True)
class Head:
    """A fitted readout of K cells, frozen.

    Attributes:
        config: Its cells, calibration, guarantees and measured numbers.
        weight: float64 (K, d), for raw states: standardising is folded in.
        bias: float.
        gaussian: The distribution of the states it was fitted to, over K · d dimensions.
        coordinates: float32 (n, r), the fitted answers in the Gaussian's coordinates.
        record_index: int64 (n,), which training record each of them is.
        self_test: States and what they must give.
    """

    config: HeadConfig
    weight: Floats
    bias: float
    gaussian: GaussianOOD
    coordinates: Floats32
    record_index: Ints
    self_test: SelfTest

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers of its cells."""
        return tuple(cell.layer for cell in self.config.cells)

    def score(self, states: AnyArray) -> Floats:
        """Return the log-odds that answers are right: states (n, K, d) → float64 (n,)."""
        return score_states(states, self.weight, self.bias)

    def p_wrong(self, scores: Floats) -> Floats:
        """Return the calibrated probability of being wrong: scores (n,) → float64 (n,)."""
        return self.config.calibration.p_wrong(scores)

    def distance(self, states: AnyArray) -> Floats:
        """Return the Mahalanobis distance to the training states: states (n, K, d) → float64 (n,)."""
        return self.gaussian.distance(states.reshape(len(states), -1))

    def locate(self, states: AnyArray) -> Floats:
        """Return where states lie in the Gaussian: states (n, K, d) → float64 (n, r), whitened."""
        return self.gaussian.coordinates(states.reshape(len(states), -1))

    def nearest(self, point: Floats, k: int) -> Ints:
        """Return the training records nearest to a point (r,) in the Gaussian, the nearest first: int64 (k,)."""
        return np.asarray(self.record_index[nearest(self.coordinates, point, k)])


def score_states(states: AnyArray, weight: Floats, bias: float) -> Floats:
    """Return the log-odds that answers are right: states (n, K, d), weight (K, d) → float64 (n,)."""
    return np.asarray(np.einsum("nkd,kd->n", states.astype(np.float64), weight) + bias, dtype=np.float64)
