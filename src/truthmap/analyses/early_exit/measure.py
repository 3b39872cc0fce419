"""What ending thoughts early saves and costs: by what a probe reads along them, and by a fixed share of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.arrays import Bools, Floats
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.intervals import share_of

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""P(right), as the probes read it, from which on a thought is ended."""


@dataclass(frozen=True)
class ThoughtsSoFar:
    """What is known of n thoughts at S places, the first place first.

    Attributes:
        p_right: float (n, S), what the probe of the place reads in answers that nothing of it was fitted to; NaN where
            there is none.
        right_now: float (n, S): 1 where what the thought has named by then is right, 0 where it is wrong, NaN where it
            has named nothing that can be graded.
        spent: float (n, S), tokens of the thought up to the place.
        right: bool (n,), whether the final answer is.
        tokens: float (n,), of the whole thought.
        group: What belongs together, n names.
    """

    p_right: Floats
    right_now: Floats
    spent: Floats
    right: Bools
    tokens: Floats
    group: Sequence[str]


class ExitPoint(BaseModel):
    """One way to end thoughts early.

    Attributes:
        rule: P(right) from which on a thought is ended, or the share of it at which all are.
        ended: Share of the thoughts that it ends.
        saved: Share of all tokens of thoughts that are not written.
        accuracy: Share of right answers: of what a thought had named where it was ended, else of its final answer.
        lost: That accuracy less that of whole thoughts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rule: float
    ended: float
    saved: Estimate
    accuracy: Estimate
    lost: Estimate


class EarlyExit(AnalysisResult, BaseModel):
    """The curve of tokens saved against accuracy, on the test part of a run.

    Attributes:
        model, questions: Of the run.
        n: Test answers that think.
        tokens: Of their thoughts, all together.
        places: The shares of a thought at which it can be ended.
        whole: Accuracy of the whole thoughts.
        by_probe: Ended where the probe's P(right) is high enough and an answer has been named.
        by_share: Ended at a share of each thought where an answer has been named, whatever the probe reads: what a
            probe must be better than.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    questions: str
    n: int
    tokens: int
    places: tuple[float, ...]
    whole: Estimate
    by_probe: tuple[ExitPoint, ...]
    by_share: tuple[ExitPoint, ...]


def exit_points(known: ThoughtsSoFar, places: Sequence[float]) -> tuple[tuple[ExitPoint, ...], tuple[ExitPoint, ...]]:
    """Return the points of both ways to end thoughts: by the probe, and by the share of the thought."""
    named = ~np.isnan(known.right_now)
    by_probe = (_point(known, p, named & (np.nan_to_num(known.p_right, nan=-1.0) >= p)) for p in THRESHOLDS)
    by_share = (_point(known, share, named & (np.arange(len(places)) >= place)) for place, share in enumerate(places))
    return tuple(by_probe), tuple(by_share)


def _point(known: ThoughtsSoFar, rule: float, may_end: Bools) -> ExitPoint:
    """Return what ending each thought at the first place where it may be ended saves and costs: bool (n, S)."""
    ended, at = may_end.any(axis=1), may_end.argmax(axis=1)
    rows = np.arange(len(known.tokens))
    spent = np.where(ended, known.spent[rows, at], known.tokens)
    right = np.where(ended, np.nan_to_num(known.right_now[rows, at]), known.right)

    def measure(drawn: np.ndarray) -> Floats:
        saved = 1 - spent[drawn].sum() / known.tokens[drawn].sum()
        return np.array([saved, right[drawn].mean() - known.right[drawn].mean()])

    saved, lost = bootstrap(measure, known.group, f"early exit {rule}")
    return ExitPoint(
        rule=rule, ended=float(ended.mean()), saved=saved, accuracy=share_of(right, known.group), lost=lost
    )
