"""What one cell reached, and the scores that need no states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from truthmap.arrays import Bools, Floats, Floats32
from truthmap.metrics.auc import round_scores
from truthmap.metrics.auc_interval import auc_many
from truthmap.metrics.probability import average_precision_many, brier_many, ece_many, equal_width_bins
from truthmap.metrics.within_group_auc import within_auc_many
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers


@dataclass(frozen=True)
class CellScores:
    """The probes of one cell for one label: its numbers, a value for each of `ARRAYS` that it has, and the scores.

    Attributes:
        numbers: By the names of `Grid`.
        scores: float32 (n,), out-of-fold log-odds of the answers that have the position.
        null: float64 (n_permutations,), the AUC of each shuffle.
    """

    numbers: Mapping[str, float]
    scores: Floats32
    null: Floats


def score_cell(log_odds: Floats, y: Bools, labels: LabelledAnswers, settings: GridSettings) -> CellScores:
    """Score the log-odds (n,) of answers left out: everything of `Grid` that needs no states."""
    row = round_scores(log_odds[None])
    auc = auc_many(row, y, labels.group, settings.confidence)
    probability = expit(log_odds[None])
    within = within_auc_many(row, y, labels.canonical)
    numbers = {
        "auc": float(auc.auc[0]),
        "low": float(auc.low[0]),
        "high": float(auc.high[0]),
        "n": len(y),
        "n_right": int(y.sum()),
        "average_precision": float(average_precision_many(row, y)[0]),
        "brier": float(brier_many(probability, y)[0]),
        "ece": float(ece_many(probability, y, equal_width_bins(probability))[0]),
        "within_auc": float(within.auc[0]),
        "within_pairs": within.pairs,
    }
    return CellScores(numbers, log_odds.astype(np.float32), np.empty(0))
