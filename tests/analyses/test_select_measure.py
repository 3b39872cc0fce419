"""Choosing among candidates by hand, and what must hold between the strategies."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.analyses.errors.measure import ErrorType
from truthmap.analyses.select.measure import (
    Candidate,
    Pool,
    Strategy,
    chance_right,
    ranked_right,
    sample_numbers,
    score_strategies,
)


def candidate(right: bool, equivalence_class: int, log_prob: float = -1.0, score: float | None = 0.0) -> Candidate:
    return Candidate(right, equivalence_class, log_prob, log_prob / 3, score)


def pool(*candidates: Candidate, greedy: bool = False, kind: ErrorType | None = None, name: str = "q") -> Pool:
    return Pool(name, name, greedy, candidates, kind)


@pytest.mark.parametrize(
    ("strategy", "chance"),
    [
        (Strategy.GREEDY, 0.0),
        (Strategy.RANDOM, 0.25),
        (Strategy.MAJORITY, 0.0),
        (Strategy.LOG_PROB, 0.0),
        (Strategy.DETECTOR, 1.0),
        (Strategy.ORACLE, 1.0),
    ],
)
def test_strategies_by_hand(strategy: Strategy, chance: float) -> None:
    of = pool(
        candidate(False, 0, -1.0, -2.0),
        candidate(False, 0, -2.0, 0.5),
        candidate(True, 1, -3.0, 1.0),
        candidate(False, 2, -0.5, None),
    )
    assert chance_right(strategy, of, of.candidates) == chance


def test_ties_are_shared() -> None:
    of = pool(candidate(True, 0), candidate(False, 1))
    for strategy in (Strategy.MAJORITY, Strategy.LOG_PROB, Strategy.MEAN_LOG_PROB, Strategy.DETECTOR):
        assert chance_right(strategy, of, of.candidates) == 0.5


def test_a_detector_that_can_read_none_chooses_at_random() -> None:
    of = pool(candidate(True, 0, score=None), candidate(False, 1, score=None), candidate(False, 1, score=None))
    assert chance_right(Strategy.DETECTOR, of, of.candidates) == pytest.approx(1 / 3)


def test_ranking_is_looked_at_within_a_question() -> None:
    of = pool(
        candidate(True, 0, -1.0, 2.0),
        candidate(False, 1, -1.0, 1.0),
        candidate(False, 1, -3.0, 3.0),
        candidate(False, 2, -0.5, None),
    )
    assert ranked_right(Strategy.DETECTOR, of) == 0.5
    assert ranked_right(Strategy.LOG_PROB, of) == pytest.approx((0.5 + 1 + 0) / 3)
    assert ranked_right(Strategy.MAJORITY, of) == pytest.approx((0 + 0 + 0.5) / 3)
    assert np.isnan(ranked_right(Strategy.ORACLE, of))
    assert np.isnan(ranked_right(Strategy.DETECTOR, pool(candidate(True, 0), candidate(True, 0))))


@pytest.fixture
def pools() -> list[Pool]:
    rng = np.random.default_rng(0)
    made = []
    for n in range(80):
        ease = rng.random()
        right = rng.random(8) < ease
        candidates = [
            Candidate(bool(r), 0 if r else 1 + int(rng.integers(3)), *(-rng.random(2)), float(r + rng.normal()))
            for r in right
        ]
        kind = ErrorType.CONSISTENTLY_RIGHT if right.mean() >= 0.5 else ErrorType.MANY_DIFFERENT
        made.append(pool(*candidates, greedy=bool(rng.random() < ease), kind=kind, name=str(n)))
    return made


def test_oracle_bounds_all_and_one_sample_leaves_no_choice(pools) -> None:
    kinds = [ErrorType.CONSISTENTLY_RIGHT, ErrorType.MANY_DIFFERENT]
    scores = {s.strategy: s for s in score_strategies(pools, (1, 2, 4, 8), kinds)}
    greedy = scores[Strategy.GREEDY]
    assert greedy.minus_greedy.value == greedy.minus_greedy.high == 0
    assert len(set(greedy.by_k)) == 1
    for score in (scores[strategy] for strategy in Strategy if strategy is not Strategy.GREEDY):
        assert score.by_k[0] == pytest.approx(scores[Strategy.RANDOM].accuracy.value)
        assert all(low <= high + 1e-12 for low, high in zip(score.by_k, scores[Strategy.ORACLE].by_k, strict=True))
        assert score.by_k[-1] == pytest.approx(score.accuracy.value)
        sizes = [sum(p.kind is kind for p in pools) for kind in kinds]
        weighted = np.average([estimate.value for estimate in score.by_type], weights=sizes)
        assert weighted == pytest.approx(score.accuracy.value)
    assert list(scores[Strategy.ORACLE].by_k) == sorted(scores[Strategy.ORACLE].by_k)


def test_paired_intervals_are_narrower_than_unpaired_ones(pools) -> None:
    scores = {s.strategy: s for s in score_strategies(pools, (8,), [])}
    detector, majority = scores[Strategy.DETECTOR], scores[Strategy.MAJORITY]
    paired = detector.minus_majority.high - detector.minus_majority.low
    alone = [score.accuracy.high - score.accuracy.low for score in (detector, majority)]
    assert paired < np.hypot(*alone)


def test_sample_numbers_double_up_to_k() -> None:
    assert sample_numbers(1) == (1,)
    assert sample_numbers(8) == (1, 2, 4, 8)
    assert sample_numbers(30) == (1, 2, 4, 8, 16, 30)
