"""How often a guarantee is broken, and how often answers of the same kind are flagged as out of distribution."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from simulations.data import Population
from simulations.result import Result, Wanted
from simulations.thoughts import draw_thoughts, right_given_up, wrong_among_ended
from truthmap.analyses.early_exit.guarantee import guarantee_ending, guarantee_giving_up
from truthmap.analyses.early_exit.measure import ThoughtsSoFar
from truthmap.detector import (
    Risk,
    ScoredAnswers,
    calibration_rows,
    conformal_threshold,
    fit_gaussian_ood,
    guarantee_risk,
)
from truthmap.metrics import one_per_group

_LIMITS = (0.05, 0.1, 0.2)


def run(draws: int) -> Iterator[Result]:
    """Seal guarantees and thresholds so many times."""
    for right in (0.1, 0.5, 0.9, 0.98):
        for risk in Risk:
            population = Population(300, shift=1.5, right=right)
            broken = [_broken(population, risk, k) for k in range(draws)]
            yield Result.of(f"guarantee: {risk}", f"300 answers, {right:.0%} right", Wanted.LEVEL, broken)
    for population in (Population(100, 5, 1.5), Population(300, shift=1.5, levels=4)):
        said = "scores of four values" if population.levels else "100 questions of 5 answers"
        broken = [_broken(population, Risk.SELECTIVE_RISK, k) for k in range(draws)]
        yield Result.of(f"guarantee: {Risk.SELECTIVE_RISK}", said, Wanted.LEVEL, broken)
    truth = draw_thoughts(20_000, seed=2**31)
    for ending in (True, False):
        broken = [exit_broken(truth, k, ending=ending) for k in range(draws)]
        told = "thoughts that are ended: wrong ones" if ending else "thoughts given up: right ones"
        yield Result.of(f"guarantee: {told}", "200 thoughts of four places", Wanted.LEVEL, broken)
    for n, width in ((150, 16), (300, 16), (300, 200), (1000, 64)):
        rates = [_flagged(n, width, k) for k in range(max(4, draws // 20))]
        yield Result.of("out-of-distribution flag", f"{n} answers, {width} dimensions", Wanted.RATE, rates)


def _broken(population: Population, risk: Risk, seed: int) -> bool:
    """Say whether any of the limits is guaranteed at a threshold whose true risk is above it.

    Each limit has its confidence for itself; the strictest, which is one of them drawn at random, stands for it.
    """
    limit = _LIMITS[seed % len(_LIMITS)]
    choosing, testing = (_one_each(population, 2 * seed + part) for part in (0, 1))
    found = guarantee_risk(risk, limit, choosing, testing)
    return found.holds and found.threshold is not None and _true_risk(population, risk, found.threshold) > limit


def exit_broken(truth: ThoughtsSoFar, seed: int, *, ending: bool) -> bool:
    """Say whether ending thoughts, or giving them up, is guaranteed at a threshold whose true risk is above the limit.

    Args:
        truth: Many thoughts, whose shares count as true.
        seed: Which draw.
        ending: Of ending thoughts, else of giving them up.
    """
    limit = _LIMITS[1 + seed % 2]
    choosing, testing = draw_thoughts(300, 2 * seed), draw_thoughts(200, 2 * seed + 1)
    if ending:
        found = guarantee_ending(choosing, testing, limit).threshold
        return found is not None and wrong_among_ended(truth, found) > limit
    found = guarantee_giving_up(choosing, testing, 2, limit).threshold
    return found is not None and right_given_up(truth, 2, found) > limit


def _one_each(population: Population, seed: int) -> ScoredAnswers:
    drawn = population.draw(seed)
    kept = one_per_group(drawn.group)
    return ScoredAnswers(drawn.scores[kept], drawn.y[kept])


def _true_risk(population: Population, risk: Risk, threshold: float) -> float:
    if population.levels:
        edges = np.concatenate([[-np.inf], np.linspace(-2, 3, population.levels + 1)[1:-1]])
        threshold = edges[int(np.ceil(threshold))]
    right = population.right * norm.sf(threshold - population.shift)
    wrong = (1 - population.right) * norm.sf(threshold)
    return float(wrong / (right + wrong) if risk is Risk.SELECTIVE_RISK else norm.cdf(threshold - population.shift))


def _flagged(n: int, width: int, seed: int) -> float:
    """Return how many of a thousand new answers of the same kind are flagged, where 1 % is wanted."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width)) * np.geomspace(1, 100, width)
    states = (random.standard_t(5, size=(n + 1000, width)) @ mixing).astype(np.float32)
    fitted_to, setting = calibration_rows(np.arange(n) % 5, [str(k) for k in range(n)], 0.01)
    gaussian = fit_gaussian_ood(states[:n][fitted_to])
    found = conformal_threshold(gaussian.distance(states[:n][setting]), 0.01)
    # With fewer than 99 answers to set it the rate is 1 / (n + 1), and said; what is above 1 % by that is no fault.
    return float((gaussian.distance(states[n:]) > found.distance).mean()) - max(0.0, found.rate - 0.01)
