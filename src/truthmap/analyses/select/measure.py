"""Choosing one of several sampled answers: by a detector, by vote, by likelihood, at random, or by knowing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.analyses.errors.measure import ErrorType
from truthmap.arrays import Bools, Floats, Ints
from truthmap.metrics.auc import placements
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.intervals import share_of
from truthmap.positions import Position
from truthmap.records import RowKey, Site
from truthmap.shown import ShortRepr


class Strategy(StrEnum):
    """How one answer is chosen for a question."""

    GREEDY = "greedy"
    """The likeliest token at each step: no sample is looked at."""
    RANDOM = "random"
    """Any sample: the mean over all of them."""
    MAJORITY = "majority"
    """The exact answer that most samples give (Wang et al., arXiv 2203.11171); the mean over ties."""
    LOG_PROB = "highest log-probability"
    """The sample with the highest summed log-probability."""
    MEAN_LOG_PROB = "highest mean log-probability"
    """The sample with the highest length-normalised log-probability."""
    DETECTOR = "detector"
    """The sample whose state the probe finds likeliest to be right (Orgad et al., arXiv 2410.02707, section 6)."""
    ORACLE = "oracle"
    """A right sample wherever there is one: what no choice can better."""


@dataclass(frozen=True)
class Candidate:
    """A sample that could be graded.

    Attributes:
        right: Whether it is right.
        equivalence_class: Which of the question's samples say the same: equal numbers do.
        log_prob, mean_log_prob: Natural log-probability, summed and length-normalised.
        score: The probe's log-odds that it is right; `None` where the sample lacks the probe's position.
    """

    right: bool
    equivalence_class: int
    log_prob: float
    mean_log_prob: float
    score: float | None


@dataclass(frozen=True)
class Pool:
    """The candidates for one question, in the order of their sample numbers.

    Attributes:
        row: The greedy answer's row.
        group: What belongs together.
        greedy_right: Whether the greedy answer is right.
        candidates: The samples that could be graded, at least one.
        kind: The question's type of error, if it has one.
    """

    row: RowKey
    group: str
    greedy_right: bool
    candidates: tuple[Candidate, ...]
    kind: ErrorType | None


class StrategyScore(ShortRepr, BaseModel):
    """How often a strategy chooses a right answer.

    Attributes:
        strategy: The strategy.
        accuracy: Share of the questions with a right choice.
        minus_greedy: That, minus the share of right greedy answers, on the same questions.
        minus_majority: That, minus the accuracy of the vote, on the same questions.
        within: Chance that it ranks a right sample above a wrong one of the same question, over the questions that have
            both; `None` where a strategy ranks nothing, or no question has both.
        by_k: Accuracy with each number of samples in `Selection.ks`.
        by_type: Accuracy within each type of error in `Selection.types`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    strategy: Strategy
    accuracy: Estimate
    minus_greedy: Estimate
    minus_majority: Estimate
    within: Estimate | None
    by_k: tuple[float, ...]
    by_type: tuple[Estimate, ...]


class TypeSize(BaseModel):
    """How many of the questions are of a type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ErrorType
    n: int


class Selection(AnalysisResult, BaseModel):
    """How well answers are chosen among samples.

    Attributes:
        model, questions: The run's.
        k: Samples per question.
        site, layer, position: The cell that the detector reads.
        n: Test questions chosen for.
        left_out: Test questions whose greedy answer, or all of whose samples, could not be graded.
        ungraded: Share of these questions' samples that could not be graded; no strategy can choose them.
        unread: Share of the graded samples that lack the detector's position; it never chooses them if it has others.
        ks: Numbers of samples at which accuracy was measured.
        types: The types of error among the questions.
        strategies: One for each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    questions: str
    k: int
    site: Site
    layer: int
    position: Position
    n: int
    left_out: int
    ungraded: float
    unread: float
    ks: tuple[int, ...]
    types: tuple[TypeSize, ...]
    strategies: tuple[StrategyScore, ...]

    def strategy(self, strategy: Strategy) -> StrategyScore:
        """Return a strategy's score."""
        return next(score for score in self.strategies if score.strategy is strategy)


def chance_right(strategy: Strategy, pool: Pool, candidates: Sequence[Candidate]) -> float:
    """Return the chance, in [0, 1], that a strategy's choice among some of a question's candidates is right.

    Where candidates tie, each is equally likely to be chosen.
    """
    if strategy is Strategy.GREEDY:
        return float(pool.greedy_right)
    if strategy is Strategy.ORACLE:
        return float(any(c.right for c in candidates))
    chosen = candidates
    if strategy is Strategy.MAJORITY:
        votes = Counter(c.equivalence_class for c in candidates)
        chosen = [c for c in candidates if votes[c.equivalence_class] == max(votes.values())]
    elif strategy is Strategy.LOG_PROB:
        chosen = _highest(candidates, [c.log_prob for c in candidates])
    elif strategy is Strategy.MEAN_LOG_PROB:
        chosen = _highest(candidates, [c.mean_log_prob for c in candidates])
    elif strategy is Strategy.DETECTOR:
        read = [c for c in candidates if c.score is not None]
        chosen = _highest(read, [c.score for c in read if c.score is not None]) if read else candidates
    return sum(c.right for c in chosen) / len(chosen)


def ranked_right(strategy: Strategy, pool: Pool) -> float:
    """Return the chance that a strategy ranks a right candidate above a wrong one of its question; ties count half.

    NaN where the question has not both, or the strategy ranks nothing. Unlike an AUC over all samples this cannot be
    earned by telling easy questions from hard ones.
    """
    votes = Counter(c.equivalence_class for c in pool.candidates)
    values: dict[Strategy, list[float | None]] = {
        Strategy.MAJORITY: [float(votes[c.equivalence_class]) for c in pool.candidates],
        Strategy.LOG_PROB: [c.log_prob for c in pool.candidates],
        Strategy.MEAN_LOG_PROB: [c.mean_log_prob for c in pool.candidates],
        Strategy.DETECTOR: [c.score for c in pool.candidates],
    }
    known = [(c.right, v) for c, v in zip(pool.candidates, values.get(strategy, []), strict=False) if v is not None]
    y = np.array([is_right for is_right, _ in known], dtype=bool)
    if y.all() or not y.any():
        return math.nan
    return float(placements(np.array([[v for _, v in known]]), y).auc[0])


def score_strategies(pools: Sequence[Pool], ks: Sequence[int], kinds: Sequence[ErrorType]) -> tuple[StrategyScore, ...]:
    """Score every strategy on the same questions; intervals by question (group), those of gains paired.

    Args:
        pools: The questions' candidates.
        ks: Numbers of samples at which accuracy is measured too.
        kinds: Types of error within which it is measured too; each must be some question's.
    """
    strategies = list(Strategy)
    chances = np.array([[chance_right(s, p, p.candidates) for p in pools] for s in strategies])  # (strategies, n)
    kind = np.array([str(pool.kind) for pool in pools])
    greedy, majority = strategies.index(Strategy.GREEDY), strategies.index(Strategy.MAJORITY)

    def gains(rows: Ints) -> Floats:
        mean = chances[:, rows].mean(axis=1)
        return np.concatenate([mean - mean[greedy], mean - mean[majority]])

    ranked = {s: [ranked_right(s, p) for p in pools] for s in strategies}
    groups = [pool.group for pool in pools]
    found = bootstrap(gains, groups, "select")
    curves = {s: tuple(_accuracy_with(s, pools, k) for k in ks) for s in strategies}
    return tuple(
        StrategyScore(
            strategy=strategy,
            accuracy=share_of(chances[n], groups),
            minus_greedy=found[n],
            minus_majority=found[len(strategies) + n],
            within=_mean_where(~np.isnan(ranked[strategy]), ranked[strategy], groups),
            by_k=curves[strategy],
            by_type=tuple(share for each in kinds if (share := _mean_where(kind == str(each), chances[n], groups))),
        )
        for n, strategy in enumerate(strategies)
    )


def sample_numbers(k: int) -> tuple[int, ...]:
    """Return 1, 2, 4, … and k itself.

    >>> sample_numbers(10)
    (1, 2, 4, 8, 10)
    """
    powers = [1 << n for n in range(k.bit_length()) if 1 << n < k]
    return (*powers, k)


def _accuracy_with(strategy: Strategy, pools: Sequence[Pool], k: int) -> float:
    """Return the accuracy with k candidates: the mean over all runs of k neighbours in each question's ring of them."""
    means = []
    for pool in pools:
        ring, n = pool.candidates + pool.candidates, len(pool.candidates)
        size = min(k, n)
        starts = range(n) if size < n and strategy is not Strategy.GREEDY else range(1)
        means.append(np.mean([chance_right(strategy, pool, ring[start : start + size]) for start in starts]))
    return float(np.mean(means))


def _mean_where(wanted: Bools, values: Sequence[float] | Floats, groups: Sequence[str]) -> Estimate | None:
    """Return the mean of the wanted values with its interval; `None` where there are none."""
    rows = np.flatnonzero(wanted).tolist()
    return share_of(np.asarray(values)[rows], [groups[n] for n in rows]) if len(rows) else None


def _highest(candidates: Sequence[Candidate], values: Sequence[float]) -> Sequence[Candidate]:
    best = max(values)
    return [c for c, value in zip(candidates, values, strict=True) if value == best]


def by_type(result: Selection) -> Mapping[ErrorType, Mapping[Strategy, Estimate]]:
    """Return the accuracies within each type, by strategy."""
    return {
        size.type: {score.strategy: score.by_type[n] for score in result.strategies}
        for n, size in enumerate(result.types)
    }
