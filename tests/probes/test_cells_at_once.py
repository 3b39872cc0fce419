"""Cells fitted together have the numbers that each has by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from truthmap.errors import UsageError
from truthmap.metrics.auc import auc_rowwise
from truthmap.probes.cell_batch import CellBatch
from truthmap.probes.cells_at_once import cells_at_once
from truthmap.probes.cross_validation import CellStates, cross_validate
from truthmap.probes.device_auc import auc_rows
from truthmap.probes.fit_grid import RIGHT, GridFit, fit_grids
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.permutation import null_aucs, shuffled_labels
from truthmap.probes.solver.path import TOLERANCE
from truthmap.records import Site

from .conftest import MemoryStates, make_sample, planted

ALONE = GridSettings(n_permutations=8, together=1)


def fits(source: MemoryStates, labels: object, settings: GridSettings, **targets: np.ndarray) -> dict[str, GridFit]:
    return fit_grids(source, labels, {RIGHT: labels.y, **targets}, Site.RESIDUAL, settings)  # type: ignore[arg-type, attr-defined]


def ill_conditioned(n: int, d: int, cells: int = 4) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Return states (S, n, d) like a model's, some answers missing in each cell, labels and folds."""
    states = torch.stack([make_sample(n, d, seed=seed).states for seed in range(cells)])
    y = make_sample(n, d, signal=2.0).y
    here = np.random.default_rng(1).random((cells, n)) < 0.9
    return states, np.asarray(y), here


@pytest.mark.parametrize("together", [2, 7, 64])
def test_the_map_is_the_same_however_many_cells_go_together(together: int) -> None:
    source, labels = planted(n=160)
    flipped = ~labels.y ^ (np.arange(len(labels.y)) % 3 == 0)
    alone = fits(source, labels, ALONE, other=flipped)
    stacked = fits(source, labels, replace(ALONE, together=together), other=flipped)
    for name in (RIGHT, "other"):
        one, other = alone[name].grid, stacked[name].grid
        np.testing.assert_allclose(other.auc, one.auc, atol=2e-3)  # of 120 answers a pair is 3e-4
        np.testing.assert_array_equal(np.isfinite(other.auc), np.isfinite(one.auc))
        np.testing.assert_array_equal(other.n, one.n)
        assert (other.c == one.c)[np.isfinite(one.auc)].mean() > 0.9, "in noise two C may be as good"
        assert np.nanmax(other.gap) <= TOLERANCE
        np.testing.assert_allclose(stacked[name].null, alone[name].null, atol=2e-3)
        np.testing.assert_array_equal(
            np.isfinite(stacked[name].out_of_fold.scores), np.isfinite(alone[name].out_of_fold.scores)
        )


@pytest.mark.parametrize(("n", "d"), [(240, 40), (60, 300), (90, 90)])
def test_stacked_probes_say_what_each_cells_own_say(n: int, d: int) -> None:
    states, y, here = ill_conditioned(n, d)
    fold = np.arange(n) % 5
    cs = (1e-4, 1e-2, 1.0, 10.0)
    path = list(CellBatch.by_fold(states, here, fold).cross_validate(y[None], cs))
    for s, own in enumerate(here):
        # The tolerance bounds the objective; scores at the optimum of both lie closer than it says.
        exact = CellStates.by_fold(states[s][torch.from_numpy(own)].double(), fold[own])
        for at_c, wanted in zip(path, cross_validate(exact, y[own][None], cs), strict=True):
            assert at_c[s].gap[0] <= TOLERANCE
            spread = wanted.scores[0].std()
            np.testing.assert_allclose(at_c[s].scores[0][own] / spread, wanted.scores[0] / spread, atol=0.15)
            ours, theirs = (
                auc_rowwise(each[None], y[own][None])[0] for each in (at_c[s].scores[0][own], wanted.scores[0])
            )
            assert ours == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize(("n", "d"), [(120, 30), (50, 200)])
def test_the_stacked_null_is_that_of_each_cell(n: int, d: int) -> None:
    states, y, here = ill_conditioned(n, d)
    fold, cs = np.arange(n) % 5, (1e-3, 1e-1, 10.0)
    shuffled = shuffled_labels(y, [str(i) for i in range(n)], 20, seed=0)
    shuffled[3] = False
    shuffled[3, 0] = True  # one outcome only in some parts
    found = CellBatch.by_fold(states, here, fold).null_aucs(shuffled, cs)
    for s, own in enumerate(here):
        cell = CellStates.by_fold(states[s][torch.from_numpy(own)], fold[own])
        difference = np.abs(found[s] - null_aucs(cell, shuffled[:, own], cs))
        assert difference.max() <= 0.02, "a few pairs of some hundreds that rounding turns"
        assert difference.mean() <= 1e-3
    assert (found[:, 3] == 0.5).all()


def test_aucs_on_the_device_are_those_of_the_metrics() -> None:
    random = np.random.default_rng(0)
    scores = random.integers(0, 12, (3, 5, 40)).astype(float)  # many ties
    y, here = random.random((5, 40)) < 0.4, random.random((3, 40)) < 0.8
    found = auc_rows(torch.from_numpy(scores), torch.from_numpy(y), torch.from_numpy(here)).numpy()
    for s, own in enumerate(here):
        np.testing.assert_allclose(found[s], auc_rowwise(scores[s][:, own], y[:, own]), atol=1e-12)


def test_states_that_are_all_alike_say_nothing_in_a_stack() -> None:
    states, y, here = ill_conditioned(60, 8)
    states[1] = 3.25
    (at_c,) = list(CellBatch.by_fold(states, here, np.arange(60) % 5).cross_validate(y[None], (1.0,)))
    assert np.ptp(at_c[1].scores[0][here[1]]) < 2e-6


def test_layers_are_told_in_their_order_whatever_goes_together() -> None:
    source, labels = planted(n=120)
    told: list[tuple[int, int]] = []
    settings = GridSettings(n_permutations=0, together=4)
    fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, settings, lambda *each: told.append(each))
    assert told == [(1, 2), (2, 2)]


def test_a_cpu_fits_one_cell_at_a_time_unless_it_is_told() -> None:
    assert cells_at_once(GridSettings(), 1000, 4096, 1) == 1
    assert cells_at_once(GridSettings(together=5), 1000, 4096, 1) == 5
    with pytest.raises(UsageError, match="together must be 1 or more"):
        GridSettings(together=0)
