"""Coverage of the bootstrap's intervals: what has no formula of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulations.data import Population
from simulations.result import Result, Wanted
from truthmap.metrics import error_precision_many, risk_area
from truthmap.metrics.bootstrap import bootstrap

_POPULATION_SIZE = 100_000
_MEASURES = ("average precision of errors", "area under the risk-coverage curve", "difference of two shares")


def run(draws: int) -> Iterator[Result]:
    """Draw answers a fifth as often as for intervals with a formula: each draw is resampled a thousand times."""
    for population in (Population(100, shift=1.2), Population(300, shift=1.2, right=0.9), Population(30, 5, 1.2)):
        truth = _measures(population, _POPULATION_SIZE // population.size)
        found = np.array([_held(population, truth, k) for k in range(max(4, draws // 5))])
        said = (
            f"{population.groups} questions of {population.size} answers"
            if population.size > 1
            else f"{population.groups} answers, {population.right:.0%} right"
        )
        for number, what in enumerate(_MEASURES):
            yield Result.of(f"bootstrap: {what}", said, Wanted.COVERAGE, found[:, number].tolist())


def _measures(population: Population, groups: int) -> np.ndarray:
    """Return the measures of a draw as large as a population."""
    drawn = Population(groups, population.size, population.shift, right=population.right).draw(0)
    return _measure(drawn.scores, drawn.y)


def _measure(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    accepted = scores > 0.5
    return np.array([error_precision_many(scores[None], y)[0], risk_area(scores, y), accepted.mean() - y.mean()])


def _held(population: Population, truth: np.ndarray, seed: int) -> list[bool]:
    drawn = population.draw(seed)
    found = bootstrap(lambda rows: _measure(drawn.scores[rows], drawn.y[rows]), drawn.group, f"simulation {seed}")
    return [each.low <= true <= each.high for each, true in zip(found, truth, strict=True)]
