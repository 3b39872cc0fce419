"""The grid of probes against scikit-learn, on real hidden states.

Both do the same work in each cell: standardise by every training part, fit six C values on five folds, refit on all
answers at the best C, score the answers left out, AUC. CPU seconds are compared, since other work on the machine moves
them least; a product of two cores for truthmap and two processes of one thread for scikit-learn divides both by two.
Needs a finished run of `truthmap run --model smollm2 --questions cities --out runs/demo`; cells are sampled from it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from truthmap.errors import UsageError
from truthmap.pipeline import open_run
from truthmap.pipeline.labels import labels_of
from truthmap.probes import GridSettings, auc_many, fit_probe, round_scores, shuffled_labels
from truthmap.probes.cells import CellStates, cross_validate
from truthmap.probes.null import null_aucs

RUN = Path("runs/demo")
CELLS = ((0, 0), (6, 4), (12, 5), (12, 7), (20, 3), (25, 5), (29, 12))
"""Layers and positions timed: early and late, strong and weak."""

GRID_CELLS = 450
_WIDE_C = 1.0
CS = GridSettings().cs


@dataclass(frozen=True)
class _Cell:
    """States float32 (n, d), labels bool (n,), folds int64 (n,)."""

    states: np.ndarray[Any, np.dtype[np.float32]]
    y: np.ndarray[Any, np.dtype[np.bool_]]
    fold: np.ndarray[Any, np.dtype[np.int64]]


def run() -> str:
    """Measure and give the section as Markdown."""
    if not (RUN / "summary.json").is_file():
        raise UsageError(f"this benchmark needs {RUN}; make it with `make demo`")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            cells = _cells()
            return "\n".join([*_grid(cells), "", *_accuracy(cells), "", *_wide()])
    finally:
        torch.set_num_threads(before)


def _cells() -> list[_Cell]:
    made = open_run(RUN)
    labels = labels_of(made.questions(), made.grades(), made.splits()).of(test=False)
    cells = []
    for layer, position in CELLS:
        read = made.states().read_layer(made.summary.site, layer, labels.ids)
        here = read.present[position]
        cells.append(_Cell(read.states[position][here].float().numpy(), labels.y[here], labels.fold[here]))
    return cells


def _grid(cells: list[_Cell]) -> list[str]:
    ours = sum(_cpu_seconds(partial(_ours, cell)) for cell in cells)
    default = sum(_cpu_seconds(partial(_theirs, cell, 100)) for cell in cells)
    converged = sum(_cpu_seconds(partial(_theirs, cell, 100_000)) for cell in cells)
    null = sum(_cpu_seconds(partial(_null, cell)) for cell in cells)
    n, d = cells[0].states.shape
    each = GRID_CELLS / len(cells)
    return [
        (
            f"n = {n} answers, d = {d}, {len(cells)} cells timed, CPU seconds for all {GRID_CELLS}; 6 C × 5 folds "
            "+ refit + AUC."
        ),
        "",
        "| | CPU seconds | against truthmap | converged |",
        "|---|---|---|---|",
        f"| truthmap | {ours * each:.0f} | 1 | yes |",
        f"| scikit-learn, lbfgs, 100 iterations | {default * each:.0f} | {default / ours:.1f} × | no |",
        f"| scikit-learn, lbfgs to convergence | {converged * each:.0f} | {converged / ours:.1f} × | yes |",
        f"| truthmap, 100 label shuffles more | {null * each:.0f} | {null / ours:.1f} × | first step |",
    ]


def _ours(cell: _Cell) -> None:
    folds = np.unique(cell.fold)
    # The refit on all answers is one more row; here it is made at every C.
    training = np.concatenate([cell.fold[None] != folds[:, None], np.ones((1, len(cell.y)), dtype=bool)])
    prepared = CellStates.of(torch.from_numpy(cell.states), training, np.searchsorted(folds, cell.fold))
    path = list(cross_validate(prepared, cell.y[None], CS))
    auc_many(round_scores(np.concatenate([left_out.scores for left_out in path])), cell.y)


def _theirs(cell: _Cell, iterations: int) -> None:
    scores = np.zeros((len(CS), len(cell.y)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for fold in np.unique(cell.fold):
            train = cell.fold != fold
            scaler = StandardScaler().fit(cell.states[train])
            seen, unseen = scaler.transform(cell.states[train]), scaler.transform(cell.states[~train])
            for number, c in enumerate(CS):
                model = LogisticRegression(C=c, max_iter=iterations).fit(seen, cell.y[train])
                scores[number, ~train] = model.decision_function(unseen)
        best = CS[int(np.argmax([roc_auc_score(cell.y, row) for row in scores]))]
        LogisticRegression(C=best, max_iter=iterations).fit(StandardScaler().fit_transform(cell.states), cell.y)


def _null(cell: _Cell) -> None:
    folds = np.unique(cell.fold)
    training = cell.fold[None] != folds[:, None]
    prepared = CellStates.of(torch.from_numpy(cell.states), training, np.searchsorted(folds, cell.fold))
    null_aucs(prepared, shuffled_labels(cell.y, [str(n) for n in range(len(cell.y))], 100, 0), CS)


def _accuracy(cells: list[_Cell]) -> list[str]:
    """Compare weights and left-out AUCs with scikit-learn's newton-cholesky in float64."""
    weight, auc = 0.0, 0.0
    for cell in cells:
        exact = cell.states.astype(np.float64)
        for c in (1e-4, 1e-2, 1.0, 10.0):
            probe = fit_probe(torch.from_numpy(cell.states), cell.y, c)
            model = _exact(StandardScaler().fit_transform(exact), cell.y, c)
            weight = max(weight, float(np.linalg.norm(probe.weight - model.coef_[0]) / np.linalg.norm(model.coef_[0])))
            auc = max(auc, _auc_difference(cell, exact, c))
    return [
        (
            f"Against newton-cholesky in float64, C from 1e-4 to 10: weights differ by at most {weight:.1e}, "
            f"AUCs of a fold left out by at most {auc:.1e}."
        )
    ]


def _auc_difference(cell: _Cell, exact: np.ndarray[Any, np.dtype[np.float64]], c: float) -> float:
    folds = np.unique(cell.fold)
    training = cell.fold[None] != folds[:, None]
    prepared = CellStates.of(torch.from_numpy(cell.states), training, np.searchsorted(folds, cell.fold))
    ours = next(cross_validate(prepared, cell.y[None], [c])).scores[0]
    seen = cell.fold != folds[0]
    scaler = StandardScaler().fit(exact[seen])
    theirs = _exact(scaler.transform(exact[seen]), cell.y[seen], c).decision_function(scaler.transform(exact[~seen]))
    y = cell.y[~seen]
    return abs(float(roc_auc_score(y, round_scores(ours[~seen][None])[0]) - roc_auc_score(y, theirs)))


def _exact(x: np.ndarray[Any, np.dtype[np.float64]], y: np.ndarray[Any, np.dtype[np.bool_]], c: float) -> Any:
    return LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10, max_iter=500).fit(x, y)


def _wide() -> list[str]:
    """Time one cell of a wide model, d = 4,096, on made-up states: correlated, a signal in some of them."""
    lines = ["| wide cells, d = 4,096, one fit | truthmap | scikit-learn, 100 iterations |", "|---|---|---|"]
    for n in (1000, 8000):
        states, y = _wide_sample(n)
        ours = _cpu_seconds(partial(fit_probe, torch.from_numpy(states), y, _WIDE_C))
        theirs = _cpu_seconds(partial(_plain, states, y))
        lines.append(f"| n = {n:,} | {ours:.2f} s | {theirs:.2f} s ({theirs / ours:.1f} ×) |")
    return lines


def _wide_sample(n: int) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.bool_]]]:
    random = np.random.default_rng(0)
    low = random.standard_normal((n, 256)).astype(np.float32)
    states = low @ random.standard_normal((256, 4096)).astype(np.float32)
    states += random.standard_normal((n, 4096)).astype(np.float32)
    return states, low[:, 0] + random.logistic(size=n) > 0


def _plain(states: np.ndarray[Any, np.dtype[np.float32]], y: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        LogisticRegression(C=_WIDE_C).fit(StandardScaler().fit_transform(states), y)


def _cpu_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
