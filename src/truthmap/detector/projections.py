"""What the heads need of a token's states, as a few products of each cell: so many numbers less than the states.

A head's score, and where a state lies in its Gaussian, are linear in the states but for one squared length. So they can
be taken where the states are, token by token, before anybody knows which token stands at which position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import AnyArray, Floats
from truthmap.detector.artifact import Artifact
from truthmap.detector.heads import Head


@dataclass(frozen=True)
class CellProjection:
    """The products of one cell of a head, all in float64: m = 1 + r + 1 numbers for a state (d,).

    Attributes:
        layer: Which layer's states it takes.
        matrix: (1 + r, d): the head's weights for this cell, and the directions of its Gaussian.
        offset: (1 + r,), added to what the matrix gives.
        mean, scale: (d,), what standardises a state; the last number is the squared length of the standardised one.
    """

    layer: int
    matrix: Floats
    offset: Floats
    mean: Floats
    scale: Floats

    @property
    def size(self) -> int:
        """How many numbers (m) it gives."""
        return len(self.offset) + 1

    def __call__(self, states: AnyArray) -> Floats:
        """Return the products of states (n, d): float64 (n, m)."""
        exact = states.astype(np.float64)
        squared = (((exact - self.mean) / self.scale) ** 2).sum(axis=1, keepdims=True)
        return np.concatenate([exact @ self.matrix.T + self.offset, squared], axis=1)


def projections_of(artifact: Artifact) -> tuple[CellProjection, ...] | None:
    """Return the projections of every cell, head by head; `None` where some position is a mean over several tokens.

    The squared length of a mean is no sum of what its tokens give.
    """
    if any(cell.position.rule.is_mean for head in artifact.heads.values() for cell in head.config.cells):
        return None
    return tuple(_projection(head, k) for head in artifact.heads.values() for k in range(len(head.config.cells)))


def columns_of(artifact: Artifact, head: Head) -> tuple[slice, ...]:
    """Return where the numbers of a head's cells stand among those of all projections."""
    start, found = 0, []
    for each in artifact.heads.values():
        for _ in each.config.cells:
            size = len(each.gaussian.variance) + 2
            if each is head:
                found.append(slice(start, start + size))
            start += size
    return tuple(found)


@dataclass(frozen=True)
class HeadProducts:
    """What a head reads of n states: float64 (n,), (n,) and (n, r), the last as `Head.locate` has it."""

    scores: Floats
    distances: Floats
    points: Floats


def read_projected(head: Head, cells: Sequence[Floats]) -> HeadProducts:
    """Return what a head reads, by what each of its cells' projections gave: K arrays float64 (n, m)."""
    total: Floats = np.sum(cells, axis=0)
    along = total[:, 1:-1]
    return HeadProducts(total[:, 0], head.gaussian.distance_along(along, total[:, -1]), head.gaussian.whitened(along))


def project(projections: Sequence[CellProjection], states: AnyArray, layers: Sequence[int]) -> Floats:
    """Return what projections give of tokens: states (tokens, layers, d) at `layers` → float64 (tokens, numbers)."""
    return np.concatenate([each(states[:, layers.index(each.layer)]) for each in projections], axis=1)


def _projection(head: Head, cell: int) -> CellProjection:
    gaussian, width = head.gaussian, head.weight.shape[1]
    own = slice(cell * width, (cell + 1) * width)
    mean, scale = gaussian.mean[own], gaussian.scale[own]
    directions = gaussian.directions[:, own].astype(np.float64) / scale
    matrix = np.concatenate([head.weight[cell][None], directions])
    offset = np.concatenate([[head.bias if cell == 0 else 0.0], -directions @ mean])
    return CellProjection(head.config.cells[cell].layer, matrix, offset, mean, scale)
