"""What one cell's probe did, from its out-of-fold scores: ROC curve, histogram by outcome, calibration, examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # loads `special` only when it is asked for: a map is drawn without it

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.intervals import effective_size, wilson
from truthmap.records import RowKey
from truthmap.shown import ShortRepr


@dataclass(frozen=True)
class DetailSettings:
    """How finely a cell is described.

    Attributes:
        roc_points: False-positive shares, evenly from 0 to 1, at which the ROC curve is kept.
        bins: Equal bins of the probability in the histogram.
        groups: Equally large groups of answers in the calibration curve.
        examples: Answers kept of each of the four kinds.
    """

    roc_points: int = 33
    bins: int = 20
    groups: int = 10
    examples: int = 3


@dataclass(frozen=True, repr=False)
class RocCurve(ShortRepr):
    """A receiver operating characteristic: shares of the wrong and of the right answers above each threshold.

    Attributes:
        false_positive: float64 (k,), rising from 0 to 1: share of the wrong answers that are let through.
        true_positive: float64 (k,), share of the right answers that are let through.
    """

    false_positive: Floats
    true_positive: Floats


@dataclass(frozen=True, repr=False)
class Histogram(ShortRepr):
    """Answers by the probability of being right that a probe gave them.

    Attributes:
        edges: float64 (bins + 1,), from 0 to 1.
        right, wrong: int64 (bins,), counts of right and wrong answers.
    """

    edges: Floats
    right: Ints
    wrong: Ints


@dataclass(frozen=True, repr=False)
class Calibration(ShortRepr):
    """Groups of answers with neighbouring predictions, of equal size, and how many of each were right.

    Attributes:
        predicted: float64 (g,), mean predicted probability of being right.
        right, n: int64 (g,), right answers and all answers of the group.
        independent: float64 (g,), how many independent answers would tell the group's share as well.
    """

    predicted: Floats
    right: Ints
    n: Ints
    independent: Floats

    def interval(self) -> tuple[Floats, Floats]:
        """Return the 95 % interval of each group's share of right answers (Wilson, JASA 1927)."""
        return wilson(self.right / self.n * self.independent, self.independent)


@dataclass(frozen=True)
class Examples:
    """The answers a probe was surest of, by id, the surest first.

    Attributes:
        right_high, wrong_low: Judged as they are: right ones scored highest, wrong ones scored lowest.
        wrong_high, right_low: Misjudged: wrong ones scored highest, right ones scored lowest.
    """

    right_high: tuple[RowKey, ...]
    wrong_low: tuple[RowKey, ...]
    wrong_high: tuple[RowKey, ...]
    right_low: tuple[RowKey, ...]


@dataclass(frozen=True, repr=False)
class CellDetails(ShortRepr):
    """The out-of-fold scores of one cell: each answer scored by a probe that did not see it.

    Attributes:
        ids: Keys of the n rows that have the position.
        log_odds: float64 (n,), the probe's log-odds of being right.
        y: bool (n,), whether the answer is right.
        group: What belongs together, n names; `None`: every answer stands for itself.
    """

    ids: tuple[RowKey, ...]
    log_odds: Floats
    y: Bools
    group: tuple[str, ...] | None = None

    @classmethod
    def present(
        cls, ids: Sequence[RowKey], log_odds: Floats, y: Bools, group: Sequence[str] | None = None
    ) -> CellDetails:
        """Keep the answers whose score is a number: the others lack the position."""
        here = np.flatnonzero(np.isfinite(log_odds)).tolist()
        kept = None if group is None else tuple(group[n] for n in here)
        return cls(tuple(ids[n] for n in here), log_odds[here].astype(np.float64), y[here], kept)

    @cached_property
    def probability(self) -> Floats:
        """float64 (n,): the predicted probability of being right."""
        probability: Floats = scipy.special.expit(self.log_odds)
        return probability

    def roc(self) -> RocCurve:
        """Return the ROC curve, a point for every distinct score.

        Raises:
            NotEnoughDataError: all answers are right, or all are wrong.
        """
        n_right, n_wrong = int(self.y.sum()), int((~self.y).sum())
        if not n_right or not n_wrong:
            raise NotEnoughDataError(f"a ROC curve needs right and wrong answers, got {n_right} right of {len(self.y)}")
        order = np.argsort(-self.log_odds, kind="stable")
        # Answers with the same score pass a threshold together: only the last of them is a point of the curve.
        last = np.append(np.diff(self.log_odds[order]) != 0, True)
        right, wrong = (np.append(0, np.cumsum(of[order])[last]) for of in (self.y, ~self.y))
        return RocCurve(wrong / n_wrong, right / n_right)

    def histogram(self, bins: int = DetailSettings.bins) -> Histogram:
        """Count right and wrong answers in equal bins of the predicted probability."""
        edges = np.linspace(0, 1, bins + 1)
        place = np.minimum((self.probability * bins).astype(np.int64), bins - 1)
        right, wrong = (np.bincount(place[of], minlength=bins) for of in (self.y, ~self.y))
        return Histogram(edges, right, wrong)

    def calibration(self, groups: int = DetailSettings.groups) -> Calibration:
        """Compare predicted probabilities with shares of right answers, in groups of equal size.

        Raises:
            NotEnoughDataError: there are no answers.
        """
        if not self.ids:
            raise NotEnoughDataError("a calibration curve needs answers, got none")
        order = np.argsort(self.log_odds, kind="stable")
        members = [part for part in np.array_split(order, groups) if len(part)]
        return Calibration(
            np.array([self.probability[part].mean() for part in members]),
            np.array([self.y[part].sum() for part in members], dtype=np.int64),
            np.array([len(part) for part in members], dtype=np.int64),
            np.array([self._independent(part) for part in members]),
        )

    def _independent(self, part: Ints) -> float:
        return effective_size(self.y[part], None if self.group is None else [self.group[n] for n in part])

    def examples(self, count: int = DetailSettings.examples) -> Examples:
        """Return the answers that the probe was surest of, of each outcome."""
        order = np.argsort(self.log_odds, kind="stable")
        right, wrong = order[self.y[order]], order[~self.y[order]]
        chosen = (right[::-1][:count], wrong[:count], wrong[::-1][:count], right[:count])
        return Examples(*(tuple(self.ids[n] for n in members.tolist()) for members in chosen))


def at_shares(curve: RocCurve, points: int = DetailSettings.roc_points) -> Floats:
    """Return the true-positive shares (points,) of a curve at false-positive shares evenly from 0 to 1."""
    return np.interp(np.linspace(0, 1, points), curve.false_positive, curve.true_positive)
