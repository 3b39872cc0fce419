"""Probes fitted for an analysis: on one run or several, at any cell, with C chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import Bools, Floats, Ints
from truthmap.probes.cross_validation import highest_auc, out_of_fold_path
from truthmap.probes.grid import Cell
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.runs.data import RunData


@dataclass(frozen=True)
class Read:
    """The states of some answers at one cell, those that have its position.

    Attributes:
        ids: Question ids.
        states: float (n, d).
        y: bool (n,), whether each answer is right.
        fold: int64 (n,), cross-validation fold, -1 in the test part.
        group: What belongs together.
    """

    ids: tuple[str, ...]
    states: torch.Tensor
    y: Bools
    fold: Ints
    group: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """A probe and the scores that probes fitted without them give its training answers.

    Attributes:
        probe: Fitted on all training answers.
        out_of_fold: float64 (n,), log-odds from cross-validation at the same C.
    """

    probe: LinearProbe
    out_of_fold: Floats


def read_cell(data: RunData, labels: LabelledAnswers, cell: Cell) -> Read:
    """Read the states of a run's answers at a cell, in the labels' order."""
    read = data.states.read_cell(cell.site, cell.layer, cell.position, labels.ids)
    rows = np.flatnonzero(read.present[0])
    return Read(
        tuple(labels.ids[n] for n in rows),
        read.states[0][torch.from_numpy(rows)],
        labels.y[rows],
        labels.fold[rows],
        tuple(labels.group[n] for n in rows),
    )


def pooled(reads: Sequence[Read]) -> Read:
    """Put the answers of several reads together; ids and groups of different reads are told apart."""
    return Read(
        tuple(f"{k}:{i}" for k, read in enumerate(reads) for i in read.ids),
        torch.cat([read.states for read in reads]),
        np.concatenate([read.y for read in reads]),
        np.concatenate([read.fold for read in reads]),
        tuple(f"{k}:{g}" for k, read in enumerate(reads) for g in read.group),
    )


def fit_read(read: Read, cs: Sequence[float]) -> Fitted:
    """Fit a probe, with the C of the highest cross-validated AUC among `cs`, the smallest of equals.

    Raises:
        NotEnoughDataError: a training part lacks an outcome.
    """
    path = out_of_fold_path(read.states, read.y, read.fold, cs)
    best = path[highest_auc(np.concatenate([each.scores for each in path]), read.y)]
    return Fitted(fit_probe(read.states, read.y, best.c), best.scores[0])
