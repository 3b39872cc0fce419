"""Scores that read the predicted probability, and average precision; for many probes at once."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError

ECE_BINS = 10


def average_precision_many(scores: Floats, y: Bools) -> Floats:
    """Return the average precision of each row of scores (m, n) for the labels y: bool (n,); ties come together.

    It is scikit-learn's `average_precision_score`: precision at each threshold, weighted by the recall that the
    threshold adds. Chance is the share of right ones.

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


def brier_many(probability: Floats, y: Bools) -> Floats:
    """Return the Brier score (Brier 1950) of every row of probabilities (m, n): their mean squared error."""
    return np.asarray(np.square(probability - y).mean(axis=1), dtype=np.float64)


def log_loss(probability: Floats, y: Bools) -> float:
    """Return the mean negative log-likelihood of outcomes y: bool (n,), in nats, probability (n,) being that of True.

    Probabilities of 0 and 1 are taken at their word: an outcome that cannot be costs infinitely much.
    """
    return float(-np.log(np.where(y, probability, 1 - probability)).mean())


def equal_width_bins(probability: Floats) -> Ints:
    """Return the number of each probability's bin, of ten of equal width: int64, of the same shape."""
    return np.minimum((probability * ECE_BINS).astype(np.int64), ECE_BINS - 1)


def ece_many(probability: Floats, y: Bools, bins: Ints) -> Floats:
    """Return the expected calibration error of every row of probabilities: float64 (m,).

    After Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599): the mean distance, weighted by
    counts, between the probability that a bin's answers are given and the share of them that is right.

    Args:
        probability: float (m, n), or (n,) for all rows.
        y: bool (n,), or (m, n): the outcomes of each row.
        bins: int64, of the shape of the probabilities: the number of each one's bin.
    """
    off: Floats = np.atleast_2d(probability - y)
    error: Floats = np.zeros(len(off))
    for number in range(int(bins.max()) + 1):
        error += np.abs((off * (bins == number)).sum(axis=1))
    return np.asarray(error / off.shape[1], dtype=np.float64)
