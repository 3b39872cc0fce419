"""The learning curve: what fewer labelled answers would have given, the choice of cell and C included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from truthmap.arrays import Bools, Floats, Ints
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.probes.cross_validation import CellStates, best_on_path, cross_validate, usable
from truthmap.probes.grid import Cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.layer_source import LayerSource
from truthmap.probes.linear import fit_probe, standardise
from truthmap.probes.threads import one_thread_per_cell
from truthmap.records import Site

FIRST_SIZE = 50
FINALISTS = 4
"""Cells that a draw's first look leaves for cross-validated probes; to fit those everywhere, for every size and fold,
would cost dozens of maps."""


@dataclass(frozen=True)
class CurvePoint:
    """A probe that learned from a part of the answers, in the cell and with the C that these chose.

    Attributes:
        size: Labelled answers: the choice and the probe had no others.
        repeat: Which draw of them, and which fold was left out.
        auc: On the fold that was left out; NaN where a draw, or the fold, has one outcome only.
        site, layer, position, C: What was chosen; empty texts, -1 and NaN where nothing could be.
    """

    size: int
    repeat: int
    auc: float
    site: str = ""
    layer: int = -1
    position: str = ""
    C: float = float("nan")


@dataclass(frozen=True)
class _Draw:
    """Rows that a point learns from, int64 (size,), and whether each row is in the fold left out: bool (n,)."""

    size: int
    repeat: int
    rows: Ints
    left_out: Bools


def fit_curve(
    source: LayerSource, labels: LabelledAnswers, sites: Sequence[Site], settings: GridSettings
) -> tuple[CurvePoint, ...]:
    """Choose, fit and score with only 50, 100, 200, … and in the end all answers of a training part.

    For each fold that is left out and each size, answers of the other folds are drawn, larger draws holding the smaller
    ones; they choose the cell and C by cross-validation among themselves, and the fold left out scores the probe. Cells
    are looked at twice: first by the difference of the means of right and wrong answers, in every cell, then by probes
    in the best few. A number for a size that other answers had helped to choose the cell for would promise
    more than so few answers give.

    Args:
        source: The states.
        labels: All scored answers.
        sites: What may be read.
        settings: Values of C and the like.
    """
    chosen = labels.of(test=False)
    draws = _draws(chosen, settings.seed)
    cells = [
        Cell(site, layer, position)
        for site in sites
        for layer in range(source.layout()[site][0])
        for position in source.positions
    ]
    with one_thread_per_cell(settings.device) as every:
        looks = np.stack([*every(partial(_first_look, source, chosen, draws), cells)], axis=1)  # (draws, cells)
        finalists = [
            [cells[n] for n in np.argsort(-look, kind="stable")[:FINALISTS] if np.isfinite(look[n])] for look in looks
        ]
        tasks = list(zip(draws, finalists, strict=True))
        return tuple(every(partial(_point, source, chosen, settings), tasks))


def _draws(labels: LabelledAnswers, seed: int) -> list[_Draw]:
    """Draw rows of each size for each fold that is left out."""
    folds = np.unique(labels.fold).tolist()
    largest = min(int((labels.fold != fold).sum()) for fold in folds)
    draws = []
    for repeat, fold in enumerate(folds):
        order = np.random.default_rng([seed, repeat]).permutation(len(labels.ids))
        seen = order[labels.fold[order] != fold]
        draws += [_Draw(size, repeat, np.sort(seen[:size]), labels.fold == fold) for size in _sizes(largest)]
    return sorted(draws, key=lambda draw: (draw.size, draw.repeat))


def _sizes(largest: int) -> Sequence[int]:
    """Return 50, 100, 200, … below the largest size, and that size."""
    doubled = [FIRST_SIZE << n for n in range(largest.bit_length()) if FIRST_SIZE << n < largest]
    return [*doubled, largest]


def _first_look(source: LayerSource, labels: LabelledAnswers, draws: Sequence[_Draw], cell: Cell) -> Floats:
    """Return the cross-validated AUC of the difference of the outcomes' means in each draw: float64 (draws,).

    -inf where fewer than half of a draw have a state, or where one of its training parts lacks an outcome.
    """
    states, here = _read(source, labels, cell)
    x = torch.zeros((len(here), states.shape[1]))
    x[torch.from_numpy(here)] = standardise(states[torch.from_numpy(here)]).x.float()
    parts = [_parts(labels, draw, here) for draw in draws]
    weights = torch.from_numpy(np.concatenate([part.weights for part in parts]).astype(np.float32))
    said = (x @ (weights @ x).T).double().numpy()  # (n, training parts of all draws)
    looks, start = np.full(len(draws), -np.inf), 0
    for number, part in enumerate(parts):
        own, start = said[:, start : start + len(part.weights)], start + len(part.weights)
        if len(part.weights):
            own = own - np.stack([own[w != 0, n].mean() for n, w in enumerate(part.weights)])
            looks[number] = _auc(own[part.rows, part.held_out], labels.y[part.rows])
    return looks


@dataclass(frozen=True)
class _Parts:
    """The training parts of a draw in a cell.

    Attributes:
        rows: int64 (k,), the draw's rows that have a state here.
        held_out: int64 (k,), for each of them the part that lacks it.
        weights: float64 (parts, n), 1 / right answers, -1 / wrong answers, 0 for those that are not in the part; no
            parts where there is nothing to learn.
    """

    rows: Ints
    held_out: Ints
    weights: Floats


def _parts(labels: LabelledAnswers, draw: _Draw, here: Bools) -> _Parts:
    rows = draw.rows[here[draw.rows]]
    y, fold = labels.y[rows], labels.fold[rows]
    folds = np.unique(fold)
    training = fold[None] != folds[:, None]
    right, wrong = (training & y).sum(axis=1), (training & ~y).sum(axis=1)
    if 2 * len(rows) < draw.size or len(folds) < 2 or not right.all() or not wrong.all():
        return _Parts(rows, np.zeros(len(rows), dtype=np.int64), np.empty((0, len(here))))
    weights = np.zeros((len(folds), len(here)))
    weights[:, rows] = training * np.where(y, 1 / right[:, None], -1 / wrong[:, None])
    return _Parts(rows, np.searchsorted(folds, fold), weights)


def _point(
    source: LayerSource, labels: LabelledAnswers, settings: GridSettings, task: tuple[_Draw, Sequence[Cell]]
) -> CurvePoint:
    """Choose among a draw's finalists and C by cross-validation in it, fit, and score the fold that was left out."""
    draw, finalists = task
    found = [_tried(source, labels, settings, draw, cell) for cell in finalists]
    if not found:
        return CurvePoint(draw.size, draw.repeat, float("nan"))
    return max(found, key=lambda tried: tried.chosen_by).point


@dataclass(frozen=True)
class _Tried:
    """What a draw reaches in one cell: the AUC within the draw that it is chosen by, and the point if it is."""

    chosen_by: float
    point: CurvePoint


def _tried(source: LayerSource, labels: LabelledAnswers, settings: GridSettings, draw: _Draw, cell: Cell) -> _Tried:
    states, here = _read(source, labels, cell)
    rows, unseen = draw.rows[here[draw.rows]], np.flatnonzero(draw.left_out & here)
    y, x = labels.y[rows], states[rows].to(settings.device)
    best = best_on_path(list(cross_validate(CellStates.by_fold(x, labels.fold[rows]), y[None], settings.cs)), y)
    probe = fit_probe(x, y, best.c)
    auc = _auc(probe.score(states[unseen].double().cpu().numpy()), labels.y[unseen])
    point = CurvePoint(draw.size, draw.repeat, auc, str(cell.site), cell.layer, str(cell.position), best.c)
    return _Tried(_auc(best.scores[0], y), point)


def _read(source: LayerSource, labels: LabelledAnswers, cell: Cell) -> tuple[torch.Tensor, Bools]:
    read = source.read_cell(cell.site, cell.layer, cell.position, labels.ids)
    return read.states[0], usable(read.states[0], read.present[0])


def _auc(scores: Floats, y: Bools) -> float:
    if not len(y) or y.all() or not y.any():
        return float("nan")
    return float(auc_values(round_scores(scores[None]), y)[0])
