"""Thresholds for ending thoughts and for giving up, each with a guarantee by Learn then Test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from truthmap.analyses.early_exit.measure import ThoughtsSoFar
from truthmap.arrays import Floats
from truthmap.detector.exit_guarantee import ExitGuarantee, ExitRisk
from truthmap.errors import UsageError
from truthmap.metrics.clusters import one_per_group
from truthmap.metrics.intervals import exact_upper_bound
from truthmap.metrics.learn_then_test import RiskCounts, first_to_test, last_to_pass, spread_thresholds


def guarantee_ending(
    choosing: ThoughtsSoFar, testing: ThoughtsSoFar, limit: float, confidence: float = 0.95
) -> ExitGuarantee:
    """Find the lowest P(right) from which on thoughts can be ended: few of those ended have named a wrong answer.

    Args:
        choosing: Thoughts of train + validation, read out of fold: they decide where the tests begin.
        testing: Independent thoughts that nothing was chosen on; one of each group is tested.
        limit: Share of the ended thoughts that may have named a wrong answer, in (0, 1).
        confidence: In (0, 1).

    Raises:
        UsageError: limit or confidence is outside (0, 1).
    """

    def count(known: ThoughtsSoFar, threshold: float) -> tuple[int, int]:
        may_end = known.may_end(threshold)
        ended = np.flatnonzero(may_end.any(axis=1))
        named = known.right_now[ended, may_end[ended].argmax(axis=1)]
        return len(named), int((named == 0).sum())

    named = ~np.isnan(choosing.right_now)
    thresholds = spread_thresholds(choosing.p_right[named])[::-1]
    return _guarantee(ExitRisk.ENDED_WRONG, thresholds, count, (choosing, testing), (limit, confidence))


def guarantee_giving_up(
    choosing: ThoughtsSoFar, testing: ThoughtsSoFar, place: int, limit: float, confidence: float = 0.95
) -> ExitGuarantee:
    """Find the highest P(right) below which thoughts can be given up: few that come to a right answer are.

    A thought is given up at a place if P(right) was read below the threshold there and wherever it was read before.

    Args:
        choosing: As for `guarantee_ending`.
        testing: Likewise.
        place: At which of the places.
        limit: Share of the thoughts that go on until the place and come to a right answer, that may be given up.
        confidence: In (0, 1).

    Raises:
        UsageError: limit or confidence is outside (0, 1).
    """

    def count(known: ThoughtsSoFar, threshold: float) -> tuple[int, int]:
        right = known.right & ~np.isnan(known.p_right[:, place])
        return int(right.sum()), int((right & known.given_up(place, threshold)).sum())

    thresholds = spread_thresholds(choosing.highest(place))
    return _guarantee(ExitRisk.RIGHT_GIVEN_UP, thresholds, count, (choosing, testing), (limit, confidence))


def _guarantee(
    risk: ExitRisk,
    thresholds: Floats,
    count: Callable[[ThoughtsSoFar, float], tuple[int, int]],
    data: tuple[ThoughtsSoFar, ThoughtsSoFar],
    asked: tuple[float, float],
) -> ExitGuarantee:
    """Test thresholds, the safest first; `count`: how many thoughts count for the risk at one, and how many against."""
    limit, confidence = asked
    if not 0 < limit < 1 or not 0 < confidence < 1:
        raise UsageError(f"limit and confidence must lie between 0 and 1, got {limit} and {confidence}")
    choosing, testing = data[0], data[1].take(one_per_group(data[1].group))

    def counts(known: ThoughtsSoFar, at: Floats) -> RiskCounts:
        both = np.array([count(known, float(threshold)) for threshold in at], dtype=np.int64).reshape(-1, 2)
        return RiskCounts(both[:, 0], both[:, 1])

    kept = None
    if len(thresholds) and len(choosing.tokens):
        share = len(testing.tokens) / len(choosing.tokens)
        thresholds = thresholds[first_to_test(counts(choosing, thresholds), share, limit) :]
        last = last_to_pass(counts(testing, thresholds), limit, confidence)
        kept = None if last is None else float(thresholds[last])
    tested, hits = (0, 0) if kept is None else count(testing, kept)
    return ExitGuarantee(
        risk=risk,
        limit=limit,
        confidence=confidence,
        threshold=kept,
        tested=tested,
        hits=hits,
        upper=exact_upper_bound(hits, tested, confidence) if tested else 1.0,
        n=len(testing.tokens),
    )
