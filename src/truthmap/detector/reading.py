"""Reading states with a sealed head: a score, a distance, and where a state lies among those of training answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import AnyArray, Floats
from truthmap.detector.artifact import Artifact, TrainingRecord
from truthmap.detector.config import Role
from truthmap.detector.heads import Head
from truthmap.detector.projections import columns_of, read_projected
from truthmap.detector.streaming import StateSpec

_NEIGHBOURS = 10


def state_spec(artifact: Artifact) -> StateSpec:
    """Return which hidden states of every token this detector needs."""
    layers = sorted({layer for head in artifact.heads.values() for layer in head.layers})
    return StateSpec(artifact.config.site, tuple(layers))


@dataclass(frozen=True)
class Reading:
    """What a head reads in one state.

    Attributes:
        head: The head.
        score, p_wrong, distance, out_of_distribution: As in `Verdict`.
    """

    head: Head
    score: float
    distance: float

    @property
    def p_wrong(self) -> float:
        """The calibrated probability that the answer is wrong, whatever keeps it from being claimed."""
        return float(self.head.p_wrong(np.array([self.score]))[0])

    @property
    def out_of_distribution(self) -> bool:
        """Whether the state is far from those of the training answers."""
        return self.distance > self.head.config.ood.threshold


@dataclass(frozen=True)
class PlacedReading:
    """A reading, and where its state lies in the head's Gaussian: float64 (r,), whitened."""

    reading: Reading
    point: Floats

    def similar(self, artifact: Artifact) -> tuple[TrainingRecord, ...]:
        """Return the training answers whose states lie nearest."""
        if not artifact.records:
            return ()
        return tuple(artifact.records[row] for row in self.reading.head.nearest(self.point, _NEIGHBOURS))


def read_state(artifact: Artifact, head: Head, states: AnyArray, tokens: Sequence[slice]) -> PlacedReading:
    """Read one state.

    Args:
        artifact: The detector.
        head: What reads it.
        states: As in `AnswerStates`.
        tokens: For each cell of the head, which tokens' states it takes the mean of.
    """
    if states.ndim == 2:
        at = zip(tokens, columns_of(artifact, head), strict=True)
        read = read_projected(head, [states[rows, columns] for rows, columns in at])
        return PlacedReading(Reading(head, float(read.scores[0]), float(read.distances[0])), read.points[0])
    layers, cells = state_spec(artifact).layers, head.config.cells
    at_cells = zip(tokens, cells, strict=True)
    state = np.stack([states[rows, layers.index(cell.layer)].mean(axis=0) for rows, cell in at_cells])[None]
    return PlacedReading(
        Reading(head, float(head.score(state)[0]), float(head.distance(state)[0])), head.locate(state)[0]
    )


def token_log_odds(artifact: Artifact, states: AnyArray) -> Floats:
    """Return the log-odds that the answer head reads at each token: float64 (tokens,), states as in `AnswerStates`."""
    head = artifact.heads[Role.ANSWER]
    if states.ndim == 2:
        scores: Floats = np.sum([states[:, columns.start] for columns in columns_of(artifact, head)], axis=0)
        return scores
    layers = state_spec(artifact).layers
    return head.score(states[:, [layers.index(layer) for layer in head.layers]])
