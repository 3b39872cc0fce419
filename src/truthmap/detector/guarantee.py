"""Thresholds with a guarantee: Learn then Test (Angelopoulos et al., arXiv 2110.01052) with exact binomial tests.

A guarantee bounds a risk at a threshold on the score: an answer is accepted when its score is at least the threshold,
and the detector abstains from all others. Which thresholds are tried, and in which order, is decided on answers of the
training parts. The tests are then made on answers that nothing was chosen on, in that fixed order, each at the full
level, until the first one fails (fixed sequence testing): the chance that a threshold whose true risk is above the
limit is kept is at most 1 − confidence, whatever the distribution, provided that future answers are drawn like the
tested ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from truthmap.arrays import Bools, Floats
from truthmap.errors import UsageError
from truthmap.metrics.intervals import binomial_cdf, exact_upper_bound
from truthmap.metrics.learn_then_test import RiskCounts, first_to_test, last_to_pass, spread_thresholds
from truthmap.shown import ShortRepr

_MUCH_MORE = 20  # times the answers there are: nobody will ask so many


class Risk(StrEnum):
    """What a guarantee bounds."""

    SELECTIVE_RISK = "selective_risk"
    """The share of answers graded wrong among the accepted ones."""
    FALSE_ABSTENTION = "false_abstention"
    """The share of the answers graded right that the detector abstains from, for whatever reason."""


@dataclass(frozen=True, repr=False)
class ScoredAnswers(ShortRepr):
    """Answers with their scores.

    Attributes:
        scores: float64 (n,); minus infinity for an answer that is never accepted, such as one without an exact answer.
        right: bool (n,), whether they were graded right; the others were graded wrong.
        n_ungraded: Answers besides these that could not be graded: coverage counts them as not accepted.
    """

    scores: Floats
    right: Bools
    n_ungraded: int = 0


class RiskGuarantee(BaseModel):
    """A bound on a risk at a threshold, and what it rests on.

    Attributes:
        risk: What is bounded.
        limit: The bound, in (0, 1).
        confidence: How sure it is, over draws of the answers it was tested on.
        holds: The tests allow the guarantee. If not, `threshold` is only what the training parts suggest.
        threshold: Answers that score at least this are accepted; `None`: none are.
        tested: Tested answers that count for the risk at the threshold (accepted, or graded right).
        hits: How many of them count against it (graded wrong, or abstained from).
        upper: Exact upper bound of the risk at this one threshold (Clopper and Pearson 1934), at `confidence`.
        coverage: Share of all answers of the test part that are accepted.
        n_answers: How many answers those are, one of each group of questions: also those that could not be graded, and
            those without an exact answer.
        why: One line for a reader.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    risk: Risk
    limit: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    holds: bool
    threshold: float | None
    tested: int = Field(ge=0)
    hits: int = Field(ge=0)
    upper: float = Field(ge=0, le=1)
    coverage: float = Field(ge=0, le=1)
    n_answers: int = Field(ge=0)
    why: str

    @property
    def sentence(self) -> str:
        """Say what is guaranteed, or that it is not."""
        return self.claim if self.holds else f"{self.claim}: not guaranteed, {self.why}"

    @property
    def claim(self) -> str:
        """Say what the guarantee is about, whether it holds or not."""
        what = {
            Risk.SELECTIVE_RISK: f"selective risk at most {self.limit:.0%} (graded wrong among accepted answers)",
            Risk.FALSE_ABSTENTION: f"false abstention at most {self.limit:.0%} (of the answers graded right)",
        }[self.risk]
        return f"{what}, with {self.confidence:.0%} confidence"


def guarantee_risk(
    risk: Risk, limit: float, choosing: ScoredAnswers, testing: ScoredAnswers, confidence: float = 0.95
) -> RiskGuarantee:
    """Find the threshold of the highest coverage (or of the most abstentions) whose risk still keeps a limit.

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
    last = last_to_pass(_count(risk, thresholds, testing), limit, confidence)
    if last is not None:
        return _guarantee_at((risk, limit, confidence), float(thresholds[last]), testing, holds=True)
    return _guarantee_at((risk, limit, confidence), _guess(risk, limit, choosing), testing, holds=False)


def fewest_for(limit: float, confidence: float) -> int:
    """Return how many answers must be tested, none of them a hit, before a limit can be guaranteed."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - limit))


def _count(risk: Risk, thresholds: Floats, scored: ScoredAnswers) -> RiskCounts:
    n_abstained = np.searchsorted(np.sort(scored.scores), thresholds, side="left")
    right = np.sort(scored.scores[scored.right])
    n_right_abstained = np.searchsorted(right, thresholds, side="left")
    if risk is Risk.FALSE_ABSTENTION:
        return RiskCounts(np.full(len(thresholds), len(right)), n_right_abstained)
    n_accepted = len(scored.scores) - n_abstained
    return RiskCounts(n_accepted, n_accepted - (len(right) - n_right_abstained))


def _candidates(risk: Risk, scores: Floats) -> Floats:
    """Return the thresholds that could be tried, the safest first."""
    ascending = spread_thresholds(scores)
    return np.asarray(ascending if risk is Risk.FALSE_ABSTENTION else ascending[::-1], dtype=np.float64)


def _sequence(risk: Risk, limit: float, choosing: ScoredAnswers, n_testing: int) -> Floats:
    """Order the thresholds to test: from the one that is likeliest to pass on towards riskier ones.

    Very strict thresholds accept so few answers that no test could pass; they are not begun with.
    """
    thresholds = _candidates(risk, choosing.scores)
    if not len(thresholds):
        return thresholds
    share = n_testing / len(choosing.scores)
    first = first_to_test(_count(risk, thresholds, choosing), share, limit)
    return np.asarray(thresholds[first:])


def _guess(risk: Risk, limit: float, choosing: ScoredAnswers) -> float | None:
    """Return the riskiest threshold that keeps the limit on the training parts; `None` where none does."""
    thresholds = _candidates(risk, choosing.scores)
    counts = _count(risk, thresholds, choosing)
    within = np.flatnonzero(counts.hits <= limit * counts.tested)
    return float(thresholds[within[-1]]) if len(within) else None


def _guarantee_at(
    asked: tuple[Risk, float, float], threshold: float | None, testing: ScoredAnswers, *, holds: bool
) -> RiskGuarantee:
    risk, limit, confidence = asked
    at = np.array([np.inf if threshold is None else threshold])
    counts = _count(risk, at, testing)
    tested, hits = int(counts.tested[0]), int(counts.hits[0])
    upper = exact_upper_bound(hits, tested, confidence) if tested else 1.0
    n_answers = len(testing.scores) + testing.n_ungraded
    return RiskGuarantee(
        risk=risk,
        limit=limit,
        confidence=confidence,
        holds=holds,
        threshold=threshold,
        tested=tested,
        hits=hits,
        upper=upper,
        coverage=int((testing.scores >= at[0]).sum()) / n_answers if n_answers else 0.0,
        n_answers=n_answers,
        why=_why(asked, testing, (tested, hits), holds=holds),
    )


def _why(asked: tuple[Risk, float, float], testing: ScoredAnswers, counts: tuple[int, int], *, holds: bool) -> str:
    risk, limit, confidence = asked
    tested, hits = counts
    wrong = risk is Risk.SELECTIVE_RISK
    if holds:
        return f"{hits} of {tested} " + (
            "accepted test answers were graded wrong" if wrong else "test answers graded right were abstained from"
        )
    fewest = fewest_for(limit, confidence)
    available = len(testing.scores) if wrong else int(testing.right.sum())
    kind = "answers" if wrong else "answers graded right"
    if available < fewest:
        return f"the test part is too small: {available} {kind}, at least {fewest} are needed"
    if tested == 0:
        return "no threshold keeps the limit even on the training parts"
    seen = f"{hits} of {tested} " + (
        "accepted were graded wrong" if wrong else "answers graded right were abstained from"
    )
    needed = _needed(hits / tested, limit, confidence)
    if needed is None:
        return f"at the suggested threshold {seen}, which is more than {limit:.0%}"
    if needed <= tested:
        return f"at the suggested threshold {seen}, but a stricter one that was tested before it failed"
    if needed > _MUCH_MORE * tested:
        return f"at the suggested threshold {seen}, too near {limit:.0%} to show that it is less"
    return f"the test part is too small: {seen}; at that rate about {needed:,} would be needed"


def _needed(rate: float, limit: float, confidence: float) -> int | None:
    """Return how many tested answers it takes to show the limit at an observed rate; `None`: it cannot be shown."""
    sizes = np.unique(np.geomspace(1, 1e6, 400).round().astype(np.int64))
    passing = np.flatnonzero(binomial_cdf(np.round(rate * sizes), sizes, limit) <= 1 - confidence)
    return int(sizes[passing[0]]) if rate < limit and len(passing) else None
