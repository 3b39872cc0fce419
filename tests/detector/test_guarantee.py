"""Guarantees: broken no more often than stated, refused where the tested answers are too few or contradict them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from truthmap.detector.guarantee import (
    Risk,
    RiskGuarantee,
    ScoredAnswers,
    fewest_for,
    guarantee_risk,
)
from truthmap.errors import UsageError

LIMIT = 0.1


class World:
    """Answers whose true risks at every threshold are known: right ones score N(1, 1), wrong ones N(-1, 1)."""

    share_right = 0.6

    def draw(self, n: int, generator: np.random.Generator) -> ScoredAnswers:
        right = generator.random(n) < self.share_right
        return ScoredAnswers(generator.normal(np.where(right, 1.0, -1.0)), right)

    def risk(self, risk: Risk, threshold: float) -> float:
        right, wrong = norm.sf(threshold - 1), norm.sf(threshold + 1)
        if risk is Risk.FALSE_ABSTENTION:
            return float(1 - right)
        coverage = self.share_right * right + (1 - self.share_right) * wrong
        return float((1 - self.share_right) * wrong / coverage)


def guessed(scored: ScoredAnswers, risk: Risk) -> float:
    """Return what one would take without a guarantee: the best threshold whose observed risk keeps the limit."""
    order = np.argsort(scored.scores)
    right = scored.right[order]
    selective_risk = (~right)[::-1].cumsum()[::-1] / np.arange(len(right), 0, -1)
    false_abstention = (right.cumsum() - right) / right.sum()
    within = np.flatnonzero((selective_risk if risk is Risk.SELECTIVE_RISK else false_abstention) <= LIMIT)
    return float(scored.scores[order][within[0] if risk is Risk.SELECTIVE_RISK else within[-1]])


@pytest.mark.parametrize("risk", list(Risk))
def test_guarantees_break_no_more_often_than_stated(risk: Risk) -> None:
    world, generator = World(), np.random.default_rng(7)
    broken = held = broken_by_guess = 0
    for _ in range(1000):
        choosing, testing = world.draw(600, generator), world.draw(400, generator)
        guarantee = guarantee_risk(risk, LIMIT, choosing, testing, 0.95)
        if guarantee.holds and guarantee.threshold is not None:
            held += 1
            broken += world.risk(risk, guarantee.threshold) > LIMIT
        broken_by_guess += world.risk(risk, guessed(testing, risk)) > LIMIT
    # At most 5 % may be broken; a procedure at exactly 5 % passes with a probability of 999 in 1,000.
    assert binomtest(broken, 1000, 0.05, alternative="greater").pvalue > 0.001, broken
    assert held > 800  # a guarantee that is never given is no achievement
    assert broken_by_guess > 300  # without the tests it fails: this simulation can tell


def test_chance_scores_get_no_guarantee() -> None:
    generator = np.random.default_rng(3)
    false = 0
    for _ in range(300):
        parts = [ScoredAnswers(generator.normal(size=n), generator.random(n) < 0.7) for n in (300, 200)]
        false += guarantee_risk(Risk.SELECTIVE_RISK, LIMIT, *parts).holds
    assert false <= 25  # 5 % of 300, and 10 for luck


def drawn(n: int, seed: int = 0) -> ScoredAnswers:
    return World().draw(n, np.random.default_rng(seed))


def test_a_small_test_part_is_named_as_the_reason() -> None:
    guarantee = guarantee_risk(Risk.SELECTIVE_RISK, 0.05, drawn(300), drawn(40, 1))
    assert not guarantee.holds
    assert guarantee.why == "the test part is too small: 40 answers, at least 59 are needed"
    assert "not guaranteed" in guarantee.sentence


def test_the_fewest_answers_are_those_where_no_hit_just_passes() -> None:
    assert fewest_for(0.1, 0.95) == 29
    assert 0.9**29 <= 0.05 < 0.9**28


def test_a_guarantee_counts_what_it_says() -> None:
    testing = drawn(400, 2)
    guarantee: RiskGuarantee = guarantee_risk(Risk.SELECTIVE_RISK, LIMIT, drawn(600), testing)
    assert guarantee.threshold is not None
    accepted = testing.scores >= guarantee.threshold
    assert guarantee.tested == accepted.sum()
    assert guarantee.hits == (accepted & ~testing.right).sum()
    assert guarantee.coverage == pytest.approx(accepted.mean())
    assert guarantee.upper <= LIMIT
    abstention = guarantee_risk(Risk.FALSE_ABSTENTION, LIMIT, drawn(600), testing)
    assert abstention.threshold is not None
    assert abstention.tested == testing.right.sum()
    assert abstention.hits == (testing.right & (testing.scores < abstention.threshold)).sum()


@pytest.mark.parametrize(
    ("risk", "claim", "why"),
    [
        (
            Risk.SELECTIVE_RISK,
            "selective risk at most 10% (graded wrong among accepted answers), with 95% confidence",
            "accepted test answers were graded wrong",
        ),
        (
            Risk.FALSE_ABSTENTION,
            "false abstention at most 10% (of the answers graded right), with 95% confidence",
            "test answers graded right were abstained from",
        ),
    ],
)
def test_a_guarantee_says_in_words_what_it_bounds(risk: Risk, claim: str, why: str) -> None:
    guarantee = guarantee_risk(risk, LIMIT, drawn(600), drawn(400, 2))
    assert guarantee.holds
    assert guarantee.sentence == guarantee.claim == claim
    assert guarantee.why == f"{guarantee.hits} of {guarantee.tested} {why}"


def test_a_laxer_limit_gives_more_coverage() -> None:
    shares = [guarantee_risk(Risk.SELECTIVE_RISK, x, drawn(600), drawn(400, 2)).coverage for x in (0.05, 0.1, 0.2)]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]


@pytest.mark.parametrize("wrong", [{"limit": 0.0}, {"limit": 1.0}, {"confidence": 1.0}])
def test_limits_outside_0_and_1_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must lie between 0 and 1"):
        guarantee_risk(
            Risk.SELECTIVE_RISK, wrong.get("limit", 0.1), drawn(50), drawn(50), wrong.get("confidence", 0.95)
        )


def test_nothing_accepted_is_no_threshold() -> None:
    wrong = ScoredAnswers(np.linspace(0, 1, 100), np.zeros(100, dtype=bool))
    guarantee = guarantee_risk(Risk.SELECTIVE_RISK, LIMIT, wrong, wrong)
    assert not guarantee.holds
    assert guarantee.threshold is None
    assert guarantee.tested == 0


def test_a_contradicted_limit_is_named_as_the_reason() -> None:
    testing = drawn(400, 2)
    worse = ScoredAnswers(testing.scores, testing.right & (np.arange(400) % 4 > 0))
    guarantee = guarantee_risk(Risk.SELECTIVE_RISK, 0.05, drawn(600), worse)
    assert not guarantee.holds
    assert guarantee.why.endswith("accepted were graded wrong, which is more than 5%")


def test_the_number_of_answers_needed_is_said() -> None:
    guarantee = guarantee_risk(Risk.SELECTIVE_RISK, 0.1, drawn(600), drawn(60, 1))
    assert not guarantee.holds
    assert "the test part is too small" in guarantee.why
    assert "would be needed" in guarantee.why


def test_a_rate_close_to_the_limit_asks_for_no_absurd_number() -> None:
    choosing = ScoredAnswers(np.repeat([1.0, 0.0], 100), np.arange(200) < 91)
    testing = ScoredAnswers(np.repeat([1.0, 0.0], 100), np.arange(200) < 91)
    why = guarantee_risk(Risk.SELECTIVE_RISK, 0.095, choosing, testing).why
    assert why == "at the suggested threshold 9 of 100 accepted were graded wrong, too near 10% to show that it is less"


@pytest.mark.parametrize("risk", list(Risk))
def test_ungraded_answers_lower_the_coverage_and_no_risk(risk: Risk) -> None:
    choosing, testing = drawn(600), drawn(400, 1)
    known = guarantee_risk(risk, LIMIT, choosing, testing)
    more = guarantee_risk(risk, LIMIT, choosing, ScoredAnswers(testing.scores, testing.right, n_ungraded=100))
    assert known.coverage > 0
    assert (more.threshold, more.tested, more.hits) == (known.threshold, known.tested, known.hits)
    assert (known.n_answers, more.n_answers) == (400, 500)
    assert more.coverage == pytest.approx(known.coverage * 0.8)


def test_right_answers_that_are_never_accepted_are_abstained_from() -> None:
    scored = drawn(400)
    lost = np.flatnonzero(scored.right)[:60]
    scores = scored.scores.copy()
    scores[lost] = -np.inf
    without = ScoredAnswers(scores, scored.right)
    guarantee = guarantee_risk(Risk.FALSE_ABSTENTION, 0.5, without, without)
    assert guarantee.holds
    assert guarantee.hits >= 60
    assert guarantee.tested == scored.right.sum()
    assert not guarantee_risk(Risk.FALSE_ABSTENTION, 0.1, without, without).holds


def test_where_no_answer_can_be_accepted_nothing_is_guaranteed() -> None:
    none = ScoredAnswers(np.full(50, -np.inf), np.arange(50) % 2 == 0)
    for risk in Risk:
        guarantee = guarantee_risk(risk, LIMIT, none, none)
        assert (guarantee.holds, guarantee.threshold, guarantee.coverage) == (False, None, 0.0)
