"""Scores that read the predicted probability, and the interval by resampling questions; for many probes at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata

from truthmap.arrays import Bools, Floats, Floats32
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import Auc, auc_many

ECE_BINS = 10
_PAIRS_AT_ONCE = 8_000_000  # comparisons of right with wrong answers held at once: 32 MB


def average_precision_many(scores: Floats, y: Bools) -> Floats:
    """Return the average precision of each row of scores (m, n) for the labels y: bool (n,); ties come together.

    Raises:
        NotEnoughDataError: no answer is right.
    """
    n_right = int(y.sum())
    if not n_right:
        raise NotEnoughDataError("average precision needs right answers, got none")
    # The precision where an answer stands counts every answer that is not below it.
    not_below = scores.shape[1] + 1 - rankdata(scores, method="min", axis=1)
    right_not_below = n_right + 1 - rankdata(scores[:, y], method="min", axis=1)
    return np.asarray((right_not_below / not_below[:, y]).mean(axis=1), dtype=np.float64)


def brier_many(log_odds: Floats, y: Bools) -> Floats:
    """Return the Brier score (Brier 1950) of every row of log-odds (m, n): mean squared error of the probability."""
    return np.asarray(np.square(expit(log_odds) - y).mean(axis=1), dtype=np.float64)


def ece_many(log_odds: Floats, y: Bools) -> Floats:
    """Return the expected calibration error of every row of log-odds (m, n), with ten bins of equal width.

    After Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599): the mean distance, weighted by
    counts, between the probability that a bin's answers are given and the share of them that is right.
    """
    probability = expit(log_odds)
    bins = np.minimum((probability * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    error = np.zeros(len(log_odds))
    for number in range(ECE_BINS):
        error += np.abs(((probability - y) * (bins == number)).sum(axis=1))
    return error / len(y)


def bootstrap_auc(
    scores: Floats, y: Bools, group: Sequence[str], confidence: float, n_resamples: int = 1000, seed: int = 0
) -> Auc:
    """Return the AUC of every row of scores (m, n) with the percentile interval of resampled groups.

    Whole groups are drawn with replacement, so answers to one question rise and fall together; every row sees the same
    draws. Draws without right or without wrong answers are left out.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    point = auc_many(scores, y, confidence)
    _, unit = np.unique(np.asarray(group, dtype=object).astype(str), return_inverse=True)
    draws = np.random.default_rng(seed).multinomial(
        unit.max() + 1, np.full(unit.max() + 1, 1 / (unit.max() + 1)), n_resamples
    )
    weights = draws[:, unit].astype(np.float32)
    right, wrong = weights[:, y], weights[:, ~y]
    pairs = right.sum(axis=1, dtype=np.float64) * wrong.sum(axis=1, dtype=np.float64)
    usable = pairs > 0
    aucs = np.stack([_weighted_wins(row[y], row[~y], right, wrong) for row in scores])[:, usable] / pairs[usable]
    low, high = np.quantile(aucs, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return Auc(point.auc, low, high, aucs.var(axis=1, ddof=1))


def _weighted_wins(
    above: Floats,
    below: Floats,
    right: Floats32,
    wrong: Floats32,
) -> Floats:
    """Sum over pairs of right and wrong answers, weights (R, ·) multiplied, a tie counting ½: float64 (R,)."""
    total = np.zeros(len(right))
    rows = max(1, _PAIRS_AT_ONCE // len(below))
    for start in range(0, len(above), rows):
        piece = above[start : start + rows, None]
        wins = (piece > below).astype(np.float32) + np.float32(0.5) * (piece == below)
        total += np.einsum("rj,rj->r", right[:, start : start + rows] @ wins, wrong, dtype=np.float64)
    return total
