"""Thresholds with a guarantee: Learn then Test (Angelopoulos et al., arXiv 2110.01052) with exact binomial tests.

A promise bounds a risk at a threshold on the score: an answer is let through when its score is at least the threshold.
Which thresholds are tried, and in which order, is decided on answers of the training parts. The tests are then made on
answers that nothing was chosen on, in that fixed order, each at the full level, until the first one fails (fixed
sequence testing): the chance that a threshold whose true risk is above the limit is kept is at most 1 − confidence,
whatever the distribution, provided that future answers are drawn like the tested ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import beta, binom

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import UsageError
from truthmap.records import StrEnum

_MOST_THRESHOLDS = 200


class Risk(StrEnum):
    """What a promise bounds."""

    SELECTIVE_RISK = "wrong_let_through"
    """The share of wrong answers among those let through."""
    FALSE_ABSTENTION = "n_right_abstained"
    """The share of right answers that are not let through."""


@dataclass(frozen=True)
class ScoredAnswers:
    """Answers with their scores: float64 (n,), and whether they are right: bool (n,)."""

    scores: Floats
    right: Bools


class RiskGuarantee(BaseModel):
    """A bound on a risk at a threshold, and what it rests on.

    Attributes:
        risk: What is bounded.
        limit: The bound, in (0, 1).
        confidence: How sure it is, over draws of the answers it was tested on.
        kept: The tests allow the promise. If not, `threshold` is only what the training parts suggest.
        threshold: Answers that score at least this are let through; `None`: none are.
        tested: Tested answers that count for the risk at the threshold (let through, or right).
        hits: How many of them count against it (wrong, or held back).
        upper: Exact upper bound of the risk at this one threshold (Clopper and Pearson 1934), at `confidence`.
        let_through: Share of all tested answers that are let through.
        why: One line for a reader.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    risk: Risk
    limit: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    kept: bool
    threshold: float | None
    tested: int = Field(ge=0)
    hits: int = Field(ge=0)
    upper: float = Field(ge=0, le=1)
    coverage: float = Field(ge=0, le=1)
    why: str

    @property
    def sentence(self) -> str:
        """Say what is promised, or that it is not."""
        what = {
            Risk.SELECTIVE_RISK: f"of the answers let through at most {self.limit:.0%} are wrong",
            Risk.FALSE_ABSTENTION: f"at most {self.limit:.0%} of the right answers are held back",
        }[self.risk]
        return f"{what}, with {self.confidence:.0%} confidence" + ("" if self.kept else f": not promised, {self.why}")


def guarantee_risk(
    risk: Risk, limit: float, choosing: ScoredAnswers, testing: ScoredAnswers, confidence: float = 0.95
) -> RiskGuarantee:
    """Find the threshold that lets through the most (or holds back the most) and still keeps a limit.

    Args:
        risk: What is bounded.
        limit: The bound, in (0, 1).
        choosing: Answers of the training parts, scored out of fold: they decide which thresholds are tried.
        testing: Independent answers that nothing was chosen on: they decide which threshold is kept.
        confidence: In (0, 1).

    Raises:
        UsageError: limit or confidence is outside (0, 1).
    """
    if not 0 < limit < 1 or not 0 < confidence < 1:
        raise UsageError(f"limit and confidence must lie between 0 and 1, got {limit} and {confidence}")
    thresholds = _sequence(risk, limit, choosing, len(testing.scores))
    counts = _count(risk, thresholds, testing)
    p_values = binom.cdf(counts.hits, counts.tested, limit)
    passed = p_values <= 1 - confidence
    if not passed.all():
        passed[int(np.argmin(passed)) :] = False  # nothing behind the first failure is looked at
    if passed.any():
        last = int(passed.sum()) - 1
        return _guarantee_at((risk, limit, confidence), float(thresholds[last]), testing, kept=True)
    return _guarantee_at((risk, limit, confidence), _guess(risk, limit, choosing), testing, kept=False)


def upper_bound(hits: int, tested: int, confidence: float) -> float:
    """Return the exact one-sided upper confidence bound of a share (Clopper and Pearson 1934)."""
    return 1.0 if hits >= tested else float(beta.ppf(confidence, hits + 1, tested - hits))


def lower_bound(hits: int, tested: int, confidence: float) -> float:
    """Return the exact one-sided lower confidence bound of a share."""
    return 0.0 if hits == 0 else float(beta.ppf(1 - confidence, hits, tested - hits + 1))


def fewest_for(limit: float, confidence: float) -> int:
    """Return how many answers must be tested, none of them a hit, before a limit can be promised."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - limit))


@dataclass(frozen=True)
class _Counts:
    """For each of m thresholds: how many answers count for the risk, int64 (m,), and how many of them against it."""

    tested: Ints
    hits: Ints


def _count(risk: Risk, thresholds: Floats, scored: ScoredAnswers) -> _Counts:
    through = np.searchsorted(np.sort(scored.scores), thresholds, side="left")
    right = np.sort(scored.scores[scored.right])
    n_right_abstained = np.searchsorted(right, thresholds, side="left")
    if risk is Risk.FALSE_ABSTENTION:
        return _Counts(np.full(len(thresholds), len(right)), n_right_abstained)
    coverage = len(scored.scores) - through
    return _Counts(coverage, coverage - (len(right) - n_right_abstained))


def _candidates(risk: Risk, scores: Floats) -> Floats:
    """Return the thresholds that could be tried, the safest first."""
    distinct = np.unique(scores)
    places = np.unique(np.linspace(0, len(distinct) - 1, min(len(distinct), _MOST_THRESHOLDS)).round().astype(int))
    ascending = distinct[places]
    return np.asarray(ascending if risk is Risk.FALSE_ABSTENTION else ascending[::-1], dtype=np.float64)


def _sequence(risk: Risk, limit: float, choosing: ScoredAnswers, n_testing: int) -> Floats:
    """Order the thresholds to test: from the one that is likeliest to pass on towards riskier ones.

    Very strict thresholds let so few answers through that no test could pass; they are not begun with.
    """
    thresholds = _candidates(risk, choosing.scores)
    counts = _count(risk, thresholds, choosing)
    share = n_testing / len(choosing.scores)
    expected = np.floor(counts.tested * share)
    hits = np.ceil(counts.hits * share)
    first = int(np.argmin(binom.logcdf(np.minimum(hits, expected), expected, limit)))
    return np.asarray(thresholds[first:])


def _guess(risk: Risk, limit: float, choosing: ScoredAnswers) -> float | None:
    """Return the riskiest threshold that keeps the limit on the training parts; `None` where none does."""
    thresholds = _candidates(risk, choosing.scores)
    counts = _count(risk, thresholds, choosing)
    within = np.flatnonzero(counts.hits <= limit * counts.tested)
    return float(thresholds[within[-1]]) if len(within) else None


def _guarantee_at(
    asked: tuple[Risk, float, float], threshold: float | None, testing: ScoredAnswers, *, kept: bool
) -> RiskGuarantee:
    risk, limit, confidence = asked
    at = np.array([np.inf if threshold is None else threshold])
    counts = _count(risk, at, testing)
    tested, hits = int(counts.tested[0]), int(counts.hits[0])
    upper = upper_bound(hits, tested, confidence) if tested else 1.0
    return RiskGuarantee(
        risk=risk,
        limit=limit,
        confidence=confidence,
        kept=kept,
        threshold=threshold,
        tested=tested,
        hits=hits,
        upper=upper,
        coverage=float((testing.scores >= at[0]).mean()) if len(testing.scores) else 0.0,
        why=_why(asked, testing, (tested, hits), kept=kept),
    )


def _why(asked: tuple[Risk, float, float], testing: ScoredAnswers, counts: tuple[int, int], *, kept: bool) -> str:
    risk, limit, confidence = asked
    tested, hits = counts
    wrong = risk is Risk.SELECTIVE_RISK
    if kept:
        return f"{hits} of {tested} tested answers " + ("let through were wrong" if wrong else "were held back")
    fewest = fewest_for(limit, confidence)
    available = len(testing.scores) if wrong else int(testing.right.sum())
    kind = "answers" if wrong else "right answers"
    if available < fewest:
        return f"the test part is too small: {available} {kind}, at least {fewest} are needed"
    if tested == 0:
        return "no threshold keeps the limit even on the training parts"
    seen = f"{hits} of {tested} " + ("let through were wrong" if wrong else "right ones were held back")
    needed = _needed(hits / tested, limit, confidence)
    if needed is None:
        return f"at the suggested threshold {seen}, which is more than {limit:.0%}"
    if needed <= tested:
        return f"at the suggested threshold {seen}, but a stricter one that was tested before it failed"
    return f"the test part is too small: {seen}; at that rate about {needed} would be needed"


def _needed(rate: float, limit: float, confidence: float) -> int | None:
    """Return how many tested answers it takes to show the limit at an observed rate; `None`: it cannot be shown."""
    sizes = np.unique(np.geomspace(1, 1e6, 400).round().astype(np.int64))
    passing = np.flatnonzero(binom.cdf(np.round(rate * sizes), sizes, limit) <= 1 - confidence)
    return int(sizes[passing[0]]) if rate < limit and len(passing) else None
