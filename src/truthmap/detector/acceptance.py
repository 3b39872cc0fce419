"""Which answers a detector can accept, whatever their score: the same when it is measured and when it is used.

A guarantee counts all answers of the test part. One that has no exact answer, or lies out of distribution, is never
accepted: in a risk and in the coverage it stands among those that the detector abstains from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats, Ints
from truthmap.detector.config import CellAt, CoveragePoint
from truthmap.detector.guarantee import ScoredAnswers
from truthmap.metrics.clusters import one_per_group
from truthmap.metrics.selective import risk_coverage
from truthmap.positions import Group
from truthmap.probes.grid import Cell
from truthmap.records import Grade

_CURVE_POINTS = 101


@dataclass(frozen=True)
class AllAnswers:
    """The answers of a run among which a head's own are some.

    Attributes:
        rows: int64 (n,), which of the N graded ones the head's n answers are.
        right: bool (N,).
        fold: int64 (N,), cross-validation fold, -1 in the test part.
        group: What belongs together, N of them.
        acceptable: bool (N,), whether an answer can be accepted if its score is high enough.
        n_ungraded: Groups of the test part of which no answer could be graded.
    """

    rows: Ints
    right: Bools
    fold: Ints
    group: tuple[str, ...]
    acceptable: Bools
    n_ungraded: int = 0

    def choosing(self, scores: Floats) -> ScoredAnswers:
        """Return the answers of train + validation: scores float64 (n,) of the head's own."""
        known = self.fold >= 0
        return ScoredAnswers(self._spread(scores)[known], self.right[known])

    def testing(self, scores: Floats) -> ScoredAnswers:
        """Return the answers of the test part, one of each group: those of one group are not independent."""
        chosen = (self.fold < 0) & one_per_group(self.group)
        return ScoredAnswers(self._spread(scores)[chosen], self.right[chosen], self.n_ungraded)

    def _spread(self, scores: Floats) -> Floats:
        """Give each answer its score; one that cannot be accepted gets minus infinity."""
        spread: Floats = np.full(len(self.right), -np.inf)
        spread[self.rows] = scores
        return np.where(self.acceptable, spread, -np.inf)


def lacks_exact_answer(grade: Grade, cells: Sequence[CellAt | Cell], found_right: float) -> bool:
    """Tell whether an answer lacks an exact answer where one is needed; such an answer is never accepted.

    Args:
        grade: Where its exact answer was found, if anywhere, and whether it declines to answer.
        cells: Where the answer head reads.
        found_right: Share of the right training answers in which an exact answer was found.
    """
    if grade.span is not None:
        return False
    reads_it = any(cell.position.group is Group.EXACT for cell in cells)
    return reads_it or grade.refusal or found_right == 1


def coverage_curve(answers: ScoredAnswers) -> tuple[CoveragePoint, ...]:
    """Return the selective risk over the coverage of all answers, the strictest threshold first."""
    readable = np.isfinite(answers.scores)
    if not readable.any():
        return ()
    curve = risk_coverage(answers.scores[readable], answers.right[readable])
    share = readable.sum() / (len(answers.scores) + answers.n_ungraded)
    n = len(curve.threshold)
    points = np.unique(np.linspace(0, n - 1, min(n, _CURVE_POINTS)).round().astype(int))
    return tuple(
        CoveragePoint(
            threshold=float(curve.threshold[p]),
            coverage=float(curve.coverage[p] * share),
            selective_risk=float(curve.risk[p]),
        )
        for p in points
    )
