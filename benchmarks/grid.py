"""The grid of probes against scikit-learn, on real hidden states.

Both do the same work in each cell: standardise by every training part, fit six C values on five folds, refit on all
answers at the best C, score the answers left out, AUC. CPU seconds are compared, since other work on the machine moves
them least, each with one thread; and for some layers the time on the clock, truthmap with as many threads as there are
cores, scikit-learn with as many processes of one thread. Needs the finished run of `make demo`; cells are sampled from
it, with the test part's answers among them so that n is larger. Wide states are real ones too: those of eight layers
side by side, and of several positions one below the other. Where `probekit` is
installed (`pip install --no-deps probekit`), its batched fitter is timed beside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks._cell import CS, FOLDS, WAYS, Cell, cpu_seconds, fit_one, fit_ours, fit_theirs, seconds
from truthmap.errors import UsageError
from truthmap.metrics.auc import round_scores
from truthmap.metrics.auc_interval import auc_many
from truthmap.probes.cross_validation import CellStates, cross_validate
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import label_answers
from truthmap.probes.linear import fit_probe
from truthmap.probes.permutation import null_aucs, shuffled_labels
from truthmap.probes.solver.path import solve_path
from truthmap.probes.threads import one_thread_per_cell
from truthmap.runs.data import RunData
from truthmap.runs.run import Run, open_run
from truthmap.store.tensors import TensorReader

RUN = Path("runs/demo")
CELLS = ((0, 0), (6, 4), (12, 5), (12, 7), (20, 3), (25, 5), (29, 12))
"""Layers and positions timed: early and late, strong and weak."""

GRID_CELLS = 450
_CLOCK_LAYERS = (6, 12, 20)
_WIDE_LAYERS = range(8, 24, 2)
_WIDE_POSITIONS = (5, 4, 6, 3, 13, 14, 12, 11)
_WIDTH = 4096

Floats = np.ndarray[Any, np.dtype[np.float64]]


def run() -> str:
    """Measure and give the section as Markdown."""
    if not (RUN / "summary.json").is_file():
        raise UsageError(f"this benchmark needs {RUN}; make it with `make demo`")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            made = open_run(RUN)
            cells = _cells(made)
            lines = [*_grid(cells), "", *_accuracy(cells), "", *_wide(made), "", *_scores(cells)]
    finally:
        torch.set_num_threads(before)
    return "\n".join([*lines, "", *_clock(made)])


def _cells(made: Run) -> list[Cell]:
    labels = label_answers(RunData.load(made).questions, RunData.load(made).grades, RunData.load(made).splits)
    cells = []
    for layer, position in CELLS:
        read = TensorReader(RunData.load(made).states).read_layer(made.summary.site, layer, labels.ids)
        here = read.present[position]
        cells.append(Cell.of(read.states[position][here].float().numpy(), labels.y[here]))
    return cells


def _grid(cells: list[Cell]) -> list[str]:
    fit_ours(cells[0])  # compiles what is compiled once per machine
    ours = sum(cpu_seconds(partial(fit_ours, cell)) for cell in cells)
    each = GRID_CELLS / len(cells)
    n, d = cells[0].states.shape
    lines = [
        (
            f"n = {n} answers, d = {d}, {len(cells)} cells timed, CPU seconds for all {GRID_CELLS}; 6 C × 5 folds "
            "+ refit + AUC + DeLong. *Objective*: the largest relative excess over the optimum in one of them, at "
            "C ≤ 0.1 and at C = 10."
        ),
        "",
        "| | CPU seconds | against truthmap | objective, C ≤ 0.1 | C = 10 |",
        "|---|---|---|---|---|",
        f"| truthmap | {ours * each:.0f} | 1 | {_excess_row(cells[5], _our_weights)} |",
    ]
    for name, settings in WAYS.items():
        spent = sum(cpu_seconds(partial(fit_theirs, cell, settings)) for cell in cells)
        row = _excess_row(cells[5], partial(_their_weights, settings))
        lines.append(f"| scikit-learn, {name} | {spent * each:.0f} | {spent / ours:.1f} × | {row} |")
    if find_spec("probekit"):
        spent = cpu_seconds(partial(_probekit, cells))
        lines.append(f"| probekit, batched, 6 C × 5 folds, no refit | {spent * each:.0f} | {spent / ours:.1f} × | | |")
    null = sum(cpu_seconds(partial(_null, cell)) for cell in cells)
    return [*lines, f"| truthmap, 100 label shuffles more | {null * each:.0f} | {null / ours:.1f} × | | |"]


def _probekit(cells: list[Cell]) -> None:
    """Fit the cells together, which is what its batched fitter is for; cells have as many answers as the smallest."""
    from probekit.fitters.batch.logistic import fit_logistic_batch

    n = min(len(cell.y) for cell in cells)
    states = torch.from_numpy(np.stack([cell.states[:n] for cell in cells]))
    y = torch.from_numpy(np.stack([cell.y[:n] for cell in cells]).astype(np.float32))
    fold = cells[0].fold[:n]
    for number in range(FOLDS):
        train = torch.from_numpy(fold != number)
        for c in CS:
            fit_logistic_batch(states[:, train], y[:, train], c_param=c)


def _excess_row(cell: Cell, weights_of: Callable[[Cell, float], tuple[Floats, float]]) -> str:
    """Say how far above the optimum a way of fitting ends: the whole cell, standardised, one fit at each C."""
    x = StandardScaler().fit_transform(cell.states.astype(np.float64))
    found = [_excess(x, cell.y, c, weights_of(cell, c)) for c in CS]
    return f"{max(found[:4]):.0e} | {found[5]:.0e}"


def _excess(x: Floats, y: np.ndarray[Any, np.dtype[np.bool_]], c: float, at: tuple[Floats, float]) -> float:
    exact = _exact(x, y, c)
    lowest = _objective(x, y, c, (exact.coef_[0], float(exact.intercept_[0])))
    return (_objective(x, y, c, at) - lowest) / lowest


def _objective(x: Floats, y: np.ndarray[Any, np.dtype[np.bool_]], c: float, at: tuple[Floats, float]) -> float:
    weight, bias = at
    return float(0.5 * weight @ weight + c * np.logaddexp(0, -np.where(y, 1, -1) * (x @ weight + bias)).sum())


def _our_weights(cell: Cell, c: float) -> tuple[Floats, float]:
    prepared = CellStates.of(torch.from_numpy(cell.states), np.ones((1, len(cell.y)), dtype=bool), 0 * cell.fold)
    path = solve_path(prepared.problems(cell.y[None]), [each for each in CS if each <= c])
    last = list(path)[-1]
    return (last.weight[0] / prepared.scale[0]).double().numpy(), float(last.bias[0])


def _their_weights(settings: dict[str, Any], cell: Cell, c: float) -> tuple[Floats, float]:
    model = fit_one(StandardScaler().fit_transform(cell.states), cell.y, c, settings)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0])


def _null(cell: Cell) -> None:
    folds = np.unique(cell.fold)
    training = cell.fold[None] != folds[:, None]
    prepared = CellStates.of(torch.from_numpy(cell.states), training, np.searchsorted(folds, cell.fold))
    null_aucs(prepared, shuffled_labels(cell.y, [str(n) for n in range(len(cell.y))], 100, 0), CS)


def _accuracy(cells: list[Cell]) -> list[str]:
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


def _auc_difference(cell: Cell, exact: np.ndarray[Any, np.dtype[np.float64]], c: float) -> float:
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


def _clock(made: Run) -> list[str]:
    """Time all cells of some layers on every core."""
    labels = label_answers(RunData.load(made).questions, RunData.load(made).grades, RunData.load(made).splits)
    cells = []
    for layer in _CLOCK_LAYERS:
        read = TensorReader(RunData.load(made).states).read_layer(made.summary.site, layer, labels.ids)
        cells += [Cell.of(read.states[p][here].float().numpy(), labels.y[here]) for p, here in enumerate(read.present)]
    cells = [cell for cell in cells if len(cell.y) > FOLDS * GridSettings().fewest]
    cores = torch.get_num_threads()
    with one_thread_per_cell() as every:
        ours = seconds(lambda: [*every(fit_ours, cells)])
    with Parallel(n_jobs=cores) as pool:
        pool(delayed(fit_theirs)(cell, {}) for cell in cells[:cores])  # starts the processes
        theirs = {
            name: seconds(partial(pool, [delayed(fit_theirs)(cell, settings) for cell in cells]))
            for name, settings in WAYS.items()
            if "lbfgs" in name
        }
    times = "; ".join(f"scikit-learn, {name}: {spent:.1f} s ({spent / ours:.1f} ×)" for name, spent in theirs.items())
    return [f"On the clock, {len(cells)} cells on {cores} cores: truthmap {ours:.1f} s; {times}."]


def _wide(made: Run) -> list[str]:
    """Time cells of a wide model: real states, eight layers side by side."""
    few, many = _wide_cell(made, _WIDE_POSITIONS[:1], 1000), _wide_cell(made, _WIDE_POSITIONS, 8000)
    lines = [
        f"| wide cells, d = {_WIDTH:,} | truthmap, converged | scikit-learn, 100 iterations | |",
        "|---|---|---|---|",
    ]
    for cell in (few, many):
        for c in (1e-3, 1e-2, 1.0):
            ours = cpu_seconds(partial(fit_probe, torch.from_numpy(cell.states), cell.y, c))
            theirs = cpu_seconds(partial(_plain, cell, c))
            what = f"n = {len(cell.y):,}, one fit, C = {c:g}, to a gap of 1e-7"
            lines.append(f"| {what} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f} × |")
    ours, theirs = cpu_seconds(partial(fit_ours, few)), cpu_seconds(partial(fit_theirs, few, {}))
    what = f"n = {len(few.y):,}, 6 C × 5 folds + refit"
    return [*lines, f"| {what} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f} × |"]


def _wide_cell(made: Run, positions: tuple[int, ...], n: int) -> Cell:
    labels = label_answers(RunData.load(made).questions, RunData.load(made).grades, RunData.load(made).splits)
    reads = [
        TensorReader(RunData.load(made).states).read_layer(made.summary.site, layer, labels.ids)
        for layer in _WIDE_LAYERS
    ]
    states, y = [], []
    for position in positions:
        here = np.logical_and.reduce([read.present[position] for read in reads])
        beside = np.concatenate([read.states[position].float().numpy() for read in reads], axis=1)
        states.append(beside[here, :_WIDTH])
        y.append(labels.y[here])
    return Cell.of(np.concatenate(states)[:n], np.concatenate(y)[:n])


def _plain(cell: Cell, c: float) -> None:
    fit_one(StandardScaler().fit_transform(cell.states), cell.y, c, {})


def _scores(cells: list[Cell]) -> list[str]:
    """Time the scores of all cells at once against a loop over scikit-learn's function."""
    y = cells[0].y
    log_odds = np.random.default_rng(0).standard_normal((GRID_CELLS, len(y))) + y
    row = round_scores(log_odds)
    groups = [str(n) for n in range(len(y))]
    together = cpu_seconds(partial(auc_many, row, y, groups))
    loop = cpu_seconds(lambda: [roc_auc_score(y, each) for each in row])
    return [
        (
            f"{GRID_CELLS} AUCs of {len(y)} answers with their intervals by question: {1e3 * together:.0f} ms; "
            f"scikit-learn's AUCs alone, one by one: {1e3 * loop:.0f} ms."
        )
    ]
