"""A detector that reads several cells: a small logistic regression on the scores of their probes.

Stacked generalisation (Wolpert 1992): the second level learns from out-of-fold scores, so that no probe is trusted for
answers it has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import AnyArray, Bools, Floats
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.paired_auc import auc_gain
from truthmap.probes.cross_validation import best_on_path, out_of_fold_path, usable
from truthmap.probes.grid import Cell, Grid, GridScores, best_per_position
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, LayerSource
from truthmap.probes.linear import LinearProbe, fit_probe

MOST_CELLS = 4


@dataclass(frozen=True)
class CellChoice:
    """Several cells against the best single one, by cross-validation on train + validation.

    Attributes:
        cells: The cells, the best single one first, then in the order in which they helped most.
        auc: The out-of-fold AUC of the stack, on the answers that have the best cell's position.
        gain: How much higher it is than the single cell's on the same answers, with the paired interval.
        c: The C of the second level.
    """

    cells: tuple[Cell, ...]
    auc: Estimate
    gain: Estimate
    c: float

    @property
    def beats_single(self) -> bool:
        """Whether the gain is beyond noise."""
        return self.gain.low > 0


@dataclass(frozen=True)
class StackedProbe:
    """Probes of several cells and how much each counts, frozen.

    Attributes:
        cells: The cells.
        probes: Their probes.
        top: The second level, a probe on the k scores; an answer without a cell's position has that score's mean there.
    """

    cells: tuple[Cell, ...]
    probes: tuple[LinearProbe, ...]
    top: LinearProbe

    def score(self, states: Mapping[Cell, AnyArray]) -> Floats:
        """Return the log-odds that answers are right: states (n, d) of each cell, rows of NaN where missing → (n,)."""
        scores = [
            probe.score(np.asarray(states[c], np.float64)) for c, probe in zip(self.cells, self.probes, strict=True)
        ]
        return self.top.score(_filled(np.stack(scores, axis=1), self.top.mean))


def choose_cells(
    grid: Grid, out_of_fold: GridScores, labels: LabelledAnswers, best: Cell, settings: GridSettings
) -> CellChoice:
    """Add cells to the best one while the cross-validated AUC of the stack rises, up to four.

    Candidates are the best layer of each position: neighbours in one column say nearly the same.
    """
    scored = np.isfinite(out_of_fold.of(best))
    kept = tuple(out_of_fold.ids[n] for n in np.flatnonzero(scored))
    wanted = set(kept)
    rows = labels.take(np.array([i in wanted for i in labels.ids], dtype=bool))
    assert rows.ids == kept, "scores and labels stand in different orders"
    single = out_of_fold.of(best)[scored].astype(np.float64)
    candidates = [cell for cell in best_per_position(grid) if cell != best]
    cells: tuple[Cell, ...] = (best,)
    stack = _Stack(single, float("nan"))
    reached = _auc(single, rows.y)
    while len(cells) < MOST_CELLS and candidates:
        tried = {cell: _stack(out_of_fold, (*cells, cell), scored, rows, settings) for cell in candidates}
        aucs = {cell: _auc(t.scores, rows.y) for cell, t in tried.items()}
        added = max(candidates, key=lambda cell: aucs[cell])
        if aucs[added] <= reached:
            break
        cells, stack, reached = (*cells, added), tried[added], aucs[added]
        candidates.remove(added)
    auc = auc_estimate(stack.scores, rows.y, rows.group, settings.confidence)
    gain = auc_gain(stack.scores, single, rows.y, rows.group, settings.confidence)
    return CellChoice(cells, auc, gain, stack.c)


def fit_stack(
    source: LayerSource, labels: LabelledAnswers, fits: tuple[Grid, GridScores], choice: CellChoice
) -> StackedProbe:
    """Refit the probes of the chosen cells on train + validation, and the second level on their out-of-fold scores.

    Args:
        source: The states.
        labels: All scored answers.
        fits: The grid and its out-of-fold scores.
        choice: From `choose_cells`, with two cells or more.
    """
    grid, out_of_fold = fits
    seen = labels.of(test=False)
    probes = []
    for cell in choice.cells:
        read = source.read_cell(cell.site, cell.layer, cell.position, seen.ids)
        here = usable(read.states[0], read.present[0])
        probes.append(fit_probe(read.states[0][here], seen.y[here], float(grid.c[grid.index(cell)])))
    scored = np.isfinite(out_of_fold.of(choice.cells[0]))
    features = _features(out_of_fold, choice.cells, scored)
    return StackedProbe(choice.cells, tuple(probes), fit_probe(torch.from_numpy(features), seen.y[scored], choice.c))


@dataclass(frozen=True)
class _Stack:
    """Out-of-fold scores of a second level, float64 (n,), and its C."""

    scores: Floats
    c: float


def _auc(scores: Floats, y: Bools) -> float:
    return float(auc_values(round_scores(scores[None]), y)[0])


def _stack(
    out_of_fold: GridScores, cells: Sequence[Cell], scored: Bools, labels: LabelledAnswers, settings: GridSettings
) -> _Stack:
    features = torch.from_numpy(_features(out_of_fold, cells, scored))
    best = best_on_path(out_of_fold_path(features, labels.y, labels.fold, settings.cs), labels.y)
    return _Stack(best.scores[0], best.c)


def _features(out_of_fold: GridScores, cells: Sequence[Cell], scored: Bools) -> Floats:
    """Return the cells' scores of the answers that the best cell scored, gaps filled by the mean: float64 (n, k)."""
    scores = np.stack([out_of_fold.of(cell)[scored] for cell in cells], axis=1).astype(np.float64)
    return _filled(scores, np.nanmean(scores, axis=0))


def _filled(scores: Floats, with_what: Floats) -> Floats:
    return np.where(np.isfinite(scores), scores, with_what)
