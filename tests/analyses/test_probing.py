"""Probes fitted for an analysis: their out-of-fold scores, and the C that is chosen on them."""

from __future__ import annotations

import pytest
from tests.noise import Noise, mean_auc

from truthmap.analyses.probing import StatesAtCell, fit_cell_probe


def read_of(noise: Noise) -> StatesAtCell:
    ids = tuple(f"q{n}" for n in range(len(noise.y)))
    return StatesAtCell(ids, noise.x, noise.y, noise.fold, ids)


@pytest.mark.parametrize("c", [1e-4, 1e-3])
def test_out_of_fold_scores_of_noise_say_nothing(c: float) -> None:
    assert mean_auc(lambda noise: fit_cell_probe(read_of(noise), [c]).out_of_fold) == pytest.approx(0.5, abs=0.02)
