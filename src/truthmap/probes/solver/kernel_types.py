"""What the compiled loops take: plain arrays with names."""

from __future__ import annotations

from typing import NamedTuple

from truthmap.arrays import AnyArray


class ProblemArrays(NamedTuple):
    """The arrays of a `ProblemBatch`, as the loops take them."""

    penalty: AnyArray
    y: AnyArray
    loss: AnyArray
    base: AnyArray


class StateArrays(NamedTuple):
    """The arrays of a `SolverState`, as the loops take and change them."""

    weight: AnyArray
    scores: AnyArray
    objective: AnyArray
    gradient: AnyArray
    slope: AnyArray
    curvature: AnyArray
    gap: AnyArray
    least_gap: AnyArray
    stalled: AnyArray
    directions: AnyArray
    direction_scores: AnyArray


class StepLimits(NamedTuple):
    """The steps made before, the most to make now, and the gap at which a row has converged."""

    made: int
    most: int
    tolerance: float
