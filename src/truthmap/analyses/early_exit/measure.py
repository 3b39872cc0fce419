"""What ending thoughts early saves and costs: by what a probe reads along them, and by a fixed share of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.arrays import Bools, Floats
from truthmap.detector.exit_guarantee import ExitGuarantee
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
            has named nothing that can be graded, or is known to be over.
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

    def take(self, kept: Bools) -> ThoughtsSoFar:
        """Return those of the thoughts: bool (n,)."""
        return ThoughtsSoFar(
            self.p_right[kept],
            self.right_now[kept],
            self.spent[kept],
            self.right[kept],
            self.tokens[kept],
            [self.group[n] for n in np.flatnonzero(kept).tolist()],
        )

    def may_end(self, threshold: float) -> Bools:
        """Tell where each thought has named an answer and reads P(right) of at least a threshold: bool (n, S)."""
        return ~np.isnan(self.right_now) & (np.nan_to_num(self.p_right, nan=-1.0) >= threshold)

    def highest(self, place: int) -> Floats:
        """Return the highest P(right) read in each thought up to a place: float (n,), minus infinity where none was."""
        return np.asarray(np.where(np.isnan(self.p_right), -np.inf, self.p_right)[:, : place + 1].max(axis=1))

    def given_up(self, place: int, threshold: float) -> Bools:
        """Tell which thoughts go on until a place and were read below a threshold so far: bool (n,)."""
        return ~np.isnan(self.p_right[:, place]) & (self.highest(place) < threshold)


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


class GivenUp(BaseModel):
    """What giving thoughts up saves and costs: nothing is answered there.

    Attributes:
        given_up: Share of the thoughts that are given up.
        wrong: Share of those that would have come to a wrong answer.
        saved: Share of all tokens of thoughts that are not written.
        accuracy: Share of right answers among the thoughts that are not given up.
        gained: That accuracy less that of all thoughts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    given_up: Estimate
    wrong: Estimate
    saved: Estimate
    accuracy: Estimate
    gained: Estimate


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
        ending: From which P(right) on thoughts can be ended under a guarantee.
        ended: What that saves and costs; `None` where there is no such threshold.
        giving_up: Below which P(right) thoughts can be given up under a guarantee.
        give_up_at: At which share of a thought.
        gave_up: What that saves and costs; `None` where there is no such threshold, or nobody is below it.
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
    ending: ExitGuarantee
    ended: ExitPoint | None
    giving_up: ExitGuarantee
    give_up_at: float
    gave_up: GivenUp | None


def exit_points(known: ThoughtsSoFar, places: Sequence[float]) -> tuple[tuple[ExitPoint, ...], tuple[ExitPoint, ...]]:
    """Return the points of both ways to end thoughts: by the probe, and by the share of the thought."""
    named = ~np.isnan(known.right_now)
    by_probe = (exit_point(known, p, known.may_end(p)) for p in THRESHOLDS)
    passed = (np.arange(len(places)) >= place for place in range(len(places)))
    by_share = (exit_point(known, share, named & there) for share, there in zip(places, passed, strict=True))
    return tuple(by_probe), tuple(by_share)


def exit_point(known: ThoughtsSoFar, rule: float, may_end: Bools) -> ExitPoint:
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


def giving_up(known: ThoughtsSoFar, place: int, threshold: float) -> GivenUp | None:
    """Return what giving thoughts up at a place below a threshold saves and costs; `None`: all or none are given up."""
    given = known.given_up(place, threshold)
    if given.all() or not given.any():
        return None
    left = np.where(given, known.tokens - known.spent[:, place], 0.0)

    def measure(drawn: np.ndarray) -> Floats:
        kept = drawn[~given[drawn]]
        accuracy = known.right[kept].mean() if len(kept) else np.nan
        return np.array([left[drawn].sum() / known.tokens[drawn].sum(), accuracy - known.right[drawn].mean()])

    saved, gained = bootstrap(measure, known.group, f"giving up {threshold}")
    of_given, of_kept = known.take(given), known.take(~given)
    return GivenUp(
        given_up=share_of(given, known.group),
        wrong=share_of(~of_given.right, of_given.group),
        saved=saved,
        accuracy=share_of(of_kept.right, of_kept.group),
        gained=gained,
    )
