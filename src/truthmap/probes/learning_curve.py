"""The sample-size curve: what fewer labelled answers would have given in one cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.metrics.auc import auc_values, round_scores
from truthmap.probes.cross_validation import CellStates, cross_validate, usable
from truthmap.probes.grid import Cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, LayerSource
from truthmap.probes.threads import one_thread_per_cell

FIRST_SIZE = 50
REPEATS = 5


@dataclass(frozen=True)
class CurvePoint:
    """A probe that learned from a part of the answers.

    Attributes:
        size: Labelled answers that each probe learned from.
        repeat: Which draw of them.
        auc: Out-of-fold AUC at the best C, over the same answers for every size; NaN where a draw has one outcome only.
    """

    size: int
    repeat: int
    auc: float


def fit_curve(
    source: LayerSource, labels: LabelledAnswers, cell: Cell, settings: GridSettings
) -> tuple[CurvePoint, ...]:
    """Fit one cell as the map does, with only 50, 100, 200, … and in the end all answers of each training part.

    Answers are drawn at random, larger draws holding the smaller ones; every size is scored on all answers left out.
    """
    chosen = labels.of(test=False)
    read = source.read_cell(cell.site, cell.layer, cell.position, chosen.ids)
    here = usable(read.states[0], read.present[0])
    states, rows = read.states[0][here].to(settings.device), chosen.take(here)
    tasks = [(size, repeat) for size in _sizes(rows) for repeat in range(REPEATS)]
    with one_thread_per_cell(settings.device) as every:
        return tuple(every(lambda task: _point(states, rows, task, settings), tasks))


def _sizes(labels: LabelledAnswers) -> Sequence[int]:
    """Return 50, 100, 200, … below the size of the smallest training part, and that size."""
    largest = min(int((labels.fold != fold).sum()) for fold in np.unique(labels.fold))
    return [*_doubling(largest), largest]


def _doubling(largest: int) -> Iterator[int]:
    size = FIRST_SIZE
    while size < largest:
        yield size
        size *= 2


def _point(states: torch.Tensor, labels: LabelledAnswers, task: tuple[int, int], settings: GridSettings) -> CurvePoint:
    size, repeat = task
    order = np.random.default_rng([settings.seed, repeat]).permutation(len(labels.ids))
    folds = np.unique(labels.fold)
    training = np.zeros((len(folds), len(order)), dtype=bool)
    for part, fold in enumerate(folds):
        training[part, order[labels.fold[order] != fold][:size]] = True
    if any(labels.y[part].all() or not labels.y[part].any() for part in training):
        return CurvePoint(size, repeat, float("nan"))
    cell = CellStates.of(states, training, np.searchsorted(folds, labels.fold))
    scores = np.concatenate([left_out.scores for left_out in cross_validate(cell, labels.y[None], settings.cs)])
    return CurvePoint(size, repeat, float(auc_values(round_scores(scores), labels.y).max()))
