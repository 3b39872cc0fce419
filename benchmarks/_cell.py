"""One cell's probes by truthmap and by scikit-learn: the same work, to be timed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from truthmap.metrics.auc import round_scores
from truthmap.metrics.auc_interval import auc_many
from truthmap.probes.cross_validation import CellStates, cross_validate
from truthmap.probes.grid_settings import GridSettings

CS = GridSettings().cs
FOLDS = 5

WAYS: dict[str, dict[str, Any]] = {
    "lbfgs, 100 iterations (its default)": {},
    "lbfgs to its own convergence": {"max_iter": 100_000},
    "lbfgs to tol = 1e-5": {"max_iter": 100_000, "tol": 1e-5},
    "newton-cholesky": {"solver": "newton-cholesky"},
}


@dataclass(frozen=True)
class Cell:
    """States float32 (n, d), labels bool (n,), folds int64 (n,)."""

    states: np.ndarray[Any, np.dtype[np.float32]]
    y: np.ndarray[Any, np.dtype[np.bool_]]
    fold: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def of(cls, states: np.ndarray[Any, np.dtype[np.float32]], y: np.ndarray[Any, np.dtype[np.bool_]]) -> Cell:
        """Deal the folds at random."""
        return cls(states, y, np.random.default_rng(0).integers(0, FOLDS, len(y)))


def fit_ours(cell: Cell) -> None:
    folds = np.unique(cell.fold)
    # The refit on all answers is one more row; here it is made at every C.
    training = np.concatenate([cell.fold[None] != folds[:, None], np.ones((1, len(cell.y)), dtype=bool)])
    prepared = CellStates.of(torch.from_numpy(cell.states), training, np.searchsorted(folds, cell.fold))
    path = list(cross_validate(prepared, cell.y[None], CS))
    auc_many(round_scores(np.concatenate([left_out.scores for left_out in path])), cell.y)


def fit_theirs(cell: Cell, settings: dict[str, Any]) -> None:
    scores = np.zeros((len(CS), len(cell.y)))
    for fold in np.unique(cell.fold):
        train = cell.fold != fold
        scaler = StandardScaler().fit(cell.states[train])
        seen, unseen = scaler.transform(cell.states[train]), scaler.transform(cell.states[~train])
        for number, c in enumerate(CS):
            scores[number, ~train] = fit_one(seen, cell.y[train], c, settings).decision_function(unseen)
    best = CS[int(np.argmax([roc_auc_score(cell.y, row) for row in scores]))]
    fit_one(StandardScaler().fit_transform(cell.states), cell.y, best, settings)


def fit_one(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, np.dtype[np.bool_]], c: float, settings: dict[str, Any]
) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=c, **settings).fit(x, y)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
