"""Grades compared with a person's, and how far the errors found in them can move an AUC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.intervals import exact_share_of
from truthmap.metrics.kappa import kappa_of
from truthmap.records import Outcome


@dataclass(frozen=True, slots=True)
class Annotation:
    """A person's label of a graded answer.

    Attributes:
        graded: The outcome that grading gave.
        annotated: The outcome that the person gave.
        span_is_good: Whether the person found the exact answer well located; `None`: not said.
        group: What the answer belongs with; empty: it stands for itself.
    """

    graded: Outcome
    annotated: Outcome
    span_is_good: bool | None = None
    group: str = ""


class AucRange(BaseModel):
    """What an AUC measured against noisy labels says of the AUC against true ones.

    Attributes:
        measured: The AUC against the grades.
        corrected: What it would be against true labels if grading errs without regard to the score, and the same at the
            ends of the error rates' intervals; n counts the rows by hand. `None` where the grades are no better than
            chance.
        least, most: Bounds that hold however the errors lie, at error rates from the observed ones up to the upper ends
            of their intervals.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: float
    corrected: Estimate | None
    least: float
    most: float


class Agreement(AnalysisResult, BaseModel):
    """How grading agrees with a person.

    Attributes:
        rows: Rows that the person filled in.
        falsely_right: Of the answers graded right, those that are wrong by hand.
        falsely_wrong: Of the answers graded wrong, those that are right by hand.
        agreement: Share of a run's scored answers on which both would agree, by the run's own counts.
        kappa: Cohen's kappa at those counts; `None` where it is not defined.
        unscored_right: Of the unscored answers, those that are right by hand.
        good_spans: Of the exact answers that the person judged, the well located ones.
        auc: What the errors can do to the run's AUC; `None` without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    _SUMMARY: ClassVar[str] = "summarize_by_hand"

    rows: int
    falsely_right: Estimate
    falsely_wrong: Estimate
    agreement: float
    kappa: float | None
    unscored_right: Estimate
    good_spans: Estimate
    auc: AucRange | None


def measure_agreement(annotations: Sequence[Annotation], right: int, wrong: int, auc: float | None = None) -> Agreement:
    """Compare grades with a person's.

    Args:
        annotations: The rows that a person filled in.
        right: How many answers of the run are graded right (the sample is not drawn in proportion).
        wrong: How many are graded wrong.
        auc: The run's AUC against its grades.

    Raises:
        NotEnoughDataError: no row graded right, or none graded wrong, is filled in.
    """
    of = {outcome: [row for row in annotations if row.graded is outcome] for outcome in Outcome}
    if not of[Outcome.RIGHT] or not of[Outcome.WRONG]:
        raise NotEnoughDataError(
            f"{len(of[Outcome.RIGHT])} rows graded right and {len(of[Outcome.WRONG])} graded wrong are filled in; "
            "at least one of each is needed: write right or wrong into the column outcome_by_hand"
        )
    falsely_right = _share(of[Outcome.RIGHT], (row.annotated is Outcome.WRONG for row in of[Outcome.RIGHT]))
    falsely_wrong = _share(of[Outcome.WRONG], (row.annotated is Outcome.RIGHT for row in of[Outcome.WRONG]))
    judged = [row for row in annotations if row.span_is_good is not None]
    cells = _joint(falsely_right.value, falsely_wrong.value, right, wrong)
    kappa = kappa_of(np.array(cells).reshape(2, 2))
    return Agreement(
        rows=len(annotations),
        falsely_right=falsely_right,
        falsely_wrong=falsely_wrong,
        agreement=cells[0] + cells[3],
        kappa=None if np.isnan(kappa) else kappa,
        unscored_right=_share(of[Outcome.UNSCORED], (row.annotated is Outcome.RIGHT for row in of[Outcome.UNSCORED])),
        good_spans=_share(judged, (row.span_is_good is True for row in judged)),
        auc=None if auc is None else auc_range(auc, falsely_right, falsely_wrong, (right, wrong)),
    )


def _share(rows: Sequence[Annotation], hits: Iterable[bool]) -> Estimate:
    """Count a share of rows with its exact interval, by what belongs together."""
    groups = [row.group or f"row {n}" for n, row in enumerate(rows)]
    return exact_share_of(np.fromiter(hits, dtype=bool), groups)


def auc_range(measured: float, falsely_right: Estimate, falsely_wrong: Estimate, counts: tuple[int, int]) -> AucRange:
    """Say what a measured AUC means for the AUC against true labels.

    Where errors do not depend on the score, measured - 1/2 = (1 - a - b) (true - 1/2), with a the share of falsely
    right and b the share of falsely wrong answers (Menon, van Rooyen, Ong and Williamson, ICML 2015). The outer bounds
    assume nothing: of all pairs of a truly right and a truly wrong answer, those whose two labels are true were
    counted; all others may have either order.

    Args:
        measured: The AUC against the grades.
        falsely_right: Share of the answers graded right that are wrong.
        falsely_wrong: Share of the answers graded wrong that are right.
        counts: How many answers are graded right and wrong.
    """
    a, b = falsely_right.value, falsely_wrong.value
    rates = [(x, y) for x in (a, falsely_right.high) for y in (b, falsely_wrong.high)]
    bounds = [_bounds(measured, x, y, counts) for x, y in rates]
    return AucRange(
        measured=measured,
        corrected=_corrected(measured, falsely_right, falsely_wrong),
        least=min(least for least, _ in bounds),
        most=max(most for _, most in bounds),
    )


def _corrected(measured: float, falsely_right: Estimate, falsely_wrong: Estimate) -> Estimate | None:
    """Return the AUC against true labels; where error rates of 1 or more in all cannot be excluded it may be any."""
    if falsely_right.value + falsely_wrong.value >= 1:
        return None

    def at(errors: float) -> float:
        return min(max(0.5 + (measured - 0.5) / (1 - errors), 0.0), 1.0)

    value, near = at(falsely_right.value + falsely_wrong.value), at(falsely_right.low + falsely_wrong.low)
    most = falsely_right.high + falsely_wrong.high
    far = at(most) if most < 1 else None
    low, high = (0.0, 1.0) if far is None else (min(near, far), max(near, far))
    return Estimate(value=value, low=low, high=high, n=falsely_right.n + falsely_wrong.n)


def _bounds(measured: float, a: float, b: float, counts: tuple[int, int]) -> tuple[float, float]:
    right, wrong = counts
    pairs = right * wrong
    kept = (1 - a) * (1 - b) * pairs
    true_pairs = ((1 - a) * right + b * wrong) * ((1 - b) * wrong + a * right)
    if not true_pairs:
        return 0.0, 1.0
    # Of the kept pairs at least measured·pairs - (pairs - kept), at most measured·pairs are in order.
    in_order = measured * pairs
    least = max(0.0, in_order - (pairs - kept)) / true_pairs
    most = (min(in_order, kept) + true_pairs - kept) / true_pairs
    return max(0.0, least), min(1.0, most)


def _joint(a: float, b: float, right: int, wrong: int) -> tuple[float, float, float, float]:
    """Return the shares (right by both, only graded right, only right by hand, wrong by both) of all scored answers."""
    p = right / (right + wrong) if right + wrong else 0.5
    return p * (1 - a), p * a, (1 - p) * b, (1 - p) * (1 - b)
