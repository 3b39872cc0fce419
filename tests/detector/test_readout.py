"""Fitting: one cell is its probe; several are a stack that is linear in the raw states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from tests.noise import mean_auc

from truthmap.detector.heads import score_states
from truthmap.detector.readout import fit_readout
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.linear import fit_probe

N, WIDTH = 400, 6


def answers(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two cells that each know something of their own about the outcome."""
    generator = np.random.default_rng(seed)
    states = generator.normal(3, 20, size=(N, 2, WIDTH)).astype(np.float32)
    right = states[:, 0, 0] + states[:, 1, 1] + generator.normal(0, 10, N) > 6
    return states, right, np.arange(N) % 6 - 1


def test_one_cell_is_its_probe() -> None:
    states, right, fold = answers()
    readout = fit_readout(states[:, :1], right, fold, (0.1,))
    known = fold >= 0
    probe = fit_probe(torch.from_numpy(states[known, 0]), right[known], 0.1)
    np.testing.assert_allclose(
        score_states(states[:, :1], readout.weight, readout.bias), probe.score(states[:, 0]), rtol=1e-8, atol=1e-8
    )
    rest = known & (fold != 2)
    without = fit_probe(torch.from_numpy(states[rest, 0]), right[rest], 0.1)
    apart = readout.held_out[fold == 2] - without.score(states[fold == 2, 0])
    assert apart == pytest.approx(apart.mean(), abs=1e-2)  # the folds' probes are brought to one intercept
    assert np.isnan(readout.held_out[~known]).all()


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_several_cells_are_a_stack_with_the_c_that_was_measured(c: float) -> None:
    states, right, fold = answers()
    readout = fit_readout(states, right, fold, (0.1, 0.1), stack_c=c)
    assert readout.stack_c == c
    known = fold >= 0
    alone = [fit_readout(states[:, k : k + 1], right, fold, (0.1,)) for k in (0, 1)]
    held = np.stack([a.held_out[known] for a in alone], axis=1)
    centre, spread = held.mean(axis=0), held.std(axis=0)
    top = LogisticRegression(C=c, tol=1e-10, max_iter=1000).fit((held - centre) / spread, right[known])
    scores = np.stack([score_states(states[:, k : k + 1], a.weight, a.bias) for k, a in enumerate(alone)], axis=1)
    np.testing.assert_allclose(
        score_states(states, readout.weight, readout.bias), top.decision_function((scores - centre) / spread), atol=1e-2
    )


def test_an_unmeasured_stack_chooses_its_c_by_cross_validation() -> None:
    states, right, fold = answers()
    chosen = fit_readout(states, right, fold, (0.1, 0.1))
    known = fold >= 0
    aucs = {
        c: auc_estimate(fit_readout(states, right, fold, (0.1, 0.1), stack_c=c).held_out[known], right[known]).value
        for c in GridSettings.cs
    }
    assert aucs[chosen.stack_c] == pytest.approx(max(aucs.values()), abs=1e-3)


def test_one_cell_has_no_second_level() -> None:
    states, right, fold = answers()
    assert fit_readout(states[:, :1], right, fold, (0.1,)).stack_c is None


def test_two_cells_that_know_different_things_beat_each_of_them() -> None:
    states, right, fold = answers()
    test = fold < 0
    both = fit_readout(states, right, fold, (0.1, 0.1))
    auc = roc_auc_score(right[test], score_states(states[test], both.weight, both.bias))
    for k in (0, 1):
        alone = fit_readout(states[:, k : k + 1], right, fold, (0.1,))
        assert auc > roc_auc_score(right[test], score_states(states[test, k : k + 1], alone.weight, alone.bias)) + 0.05


@pytest.mark.parametrize("c", [1e-4, 1e-3])
def test_out_of_fold_scores_of_noise_say_nothing(c: float) -> None:
    found = mean_auc(lambda n: fit_readout(n.x.numpy()[:, None], n.y, n.fold, (c,)).held_out)
    assert found == pytest.approx(0.5, abs=0.02)
