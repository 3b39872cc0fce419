"""Sets that share a direction and sets that do not: cosine, transfer, and what is left without the shared one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.planted import EXACT, LAST_Q, PlantedRun

from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlVerdict
from truthmap.analyses.controls.run import load_control, measure
from truthmap.analyses.controls.transfer_geometry import (
    SetAtCell,
    erased,
    mahalanobis_cosine,
    pairs_of,
    r_squared,
    told,
)
from truthmap.analyses.probing import StatesAtCell, fit_cell_probe
from truthmap.records import RowKey

D, N = 12, 400
CS = (1e-2, 1.0)
MADE = PlantedRun(
    np.random.default_rng(1).random(60) < 0.5,
    {LAST_Q: np.zeros(60), EXACT: np.random.default_rng(2).standard_normal(60)},
)
CONTEXT = ControlContext(MADE)


def made(name: str, direction: np.ndarray, seed: int) -> SetAtCell:
    """Return a set whose right and wrong answers lie apart along a direction."""
    draw = np.random.default_rng(seed)
    y = draw.random(2 * N) < 0.5
    scale = np.linspace(0.3, 3.0, D)  # the covariance is far from round
    states = (
        draw.standard_normal((2 * N, D)) * scale + np.outer(np.where(y, 1.2, -1.2), direction) + draw.normal(size=D)
    )
    parts = []
    for rows, test in ((slice(0, N), False), (slice(N, None), True)):
        ids = tuple(RowKey(f"{name}{n}") for n in range(2 * N))[rows]
        fold = np.full(N, -1) if test else draw.integers(0, 4, N)
        parts.append(StatesAtCell(ids, torch.from_numpy(states[rows]).float(), y[rows], fold, tuple(map(str, ids))))
    return SetAtCell(name, parts[0], parts[1], fit_cell_probe(parts[0], CS).probe)


def axis(n: int) -> np.ndarray:
    return np.eye(D)[n] * np.linspace(0.3, 3.0, D)[n]


SHARED = [made(name, axis(3), seed) for seed, name in enumerate(("a", "b", "c"))]
APART = [made(name, axis(3 + 2 * seed), seed) for seed, name in enumerate(("a", "b", "c"))]


def test_the_cosine_is_the_correlation_of_two_readings() -> None:
    draw = np.random.default_rng(5)
    one, other, states = draw.normal(size=D), draw.normal(size=D), draw.normal(size=(50, D)) @ draw.normal(size=(D, D))
    covariance = np.cov(states.T)
    by_hand = one @ covariance @ other / np.sqrt((one @ covariance @ one) * (other @ covariance @ other))
    assert mahalanobis_cosine(one, other, states) == pytest.approx(by_hand)
    assert mahalanobis_cosine(one, -2 * one, states) == pytest.approx(-1)
    assert mahalanobis_cosine(one, np.zeros(D), states) == 0


def test_cosines_go_with_transfer() -> None:
    pairs = pairs_of([*SHARED, *(made(f"x{n}", axis(n), 10 + n) for n in (6, 9))])
    alike = [pair for pair in pairs if {pair.source, pair.target} <= {"a", "b", "c"}]
    others = [pair for pair in pairs if pair not in alike]
    assert len(pairs) == 20
    assert min(pair.cosine for pair in alike) > max(pair.cosine for pair in others) + 0.3
    assert min(pair.auc.value for pair in alike) > max(pair.auc.value for pair in others) + 0.1
    assert r_squared(pairs) > 0.9
    assert r_squared(pairs[:2]) is None


def test_without_the_shared_direction_nothing_is_left() -> None:
    result = told(CONTEXT, SHARED)
    assert result.readings[0].probe.value > 0.85
    assert result.readings[0].value.value < 0.65
    assert result.verdict in (ControlVerdict.NOTHING, ControlVerdict.PART)


def test_what_is_a_sets_own_is_left() -> None:
    result = told(CONTEXT, APART)
    assert result.readings[0].value.value > result.readings[0].probe.value - 0.03
    assert "all of it is this set's own" in result.says
    assert len(result.facts) == len(result.curves[0].points) == 6


def test_erased_states_tell_the_others_nothing() -> None:
    training = SHARED[1].training
    left = erased(training, [training]).numpy()
    signs = training.y - training.y.mean()
    np.testing.assert_allclose(signs @ left / len(signs), 0, atol=1e-10)
    again = erased(replace(training, states=torch.from_numpy(left)), [training]).numpy()
    np.testing.assert_allclose(again, left, atol=1e-8)  # a projection


def test_without_other_runs_it_says_what_to_do() -> None:
    finding = measure(load_control("transfer-geometry"), CONTEXT)
    assert finding.verdict is ControlVerdict.NOT_RUN
    assert "--other" in finding.says
