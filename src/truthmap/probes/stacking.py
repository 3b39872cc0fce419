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
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.layer_source import LayerSource
from truthmap.probes.linear import LinearProbe, fit_probe, standardise
from truthmap.probes.permutation import ridge_left_out
from truthmap.shown import ShortRepr

MOST_CELLS = 4
_LEAST_SQUARES = 1.0  # weight of an answer against the penalty: next to none of that is left


@dataclass(frozen=True, repr=False)
class CellChoice(ShortRepr):
    """Several cells against the best single one, by cross-validation on train + validation.

    Attributes:
        cells: The cells, the best single one first, then in the order in which they helped most.
        auc: The AUC of stacks that were chosen and fitted without the fold that they score (nested cross-validation),
            on the answers that have the best cell's position.
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


@dataclass(frozen=True, repr=False)
class StackedProbe(ShortRepr):
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

    Candidates are the best layer of each position: neighbours in one column say nearly the same. What the stack is said
    to reach is nested: for each fold cells are chosen, and the second level is fitted, without it. The AUC by which
    cells are chosen would rise on noise too.
    """
    scored = np.isfinite(out_of_fold.of(best))
    kept = tuple(out_of_fold.ids[n] for n in np.flatnonzero(scored))
    wanted = set(kept)
    rows = labels.take(np.array([i in wanted for i in labels.ids], dtype=bool))
    assert rows.ids == kept, "scores and labels stand in different orders"
    candidates = [best, *(cell for cell in best_per_position(grid) if cell != best)]
    scores = dict(zip(candidates, _features(out_of_fold, candidates, scored).T, strict=True))
    chosen = _add_cells(scores, rows, settings)
    single = scores[best]
    nested = single if len(chosen.cells) < 2 else _nested(scores, rows, settings)
    return CellChoice(
        chosen.cells,
        auc_estimate(nested, rows.y, rows.group, settings.confidence),
        auc_gain(nested, single, rows.y, rows.group, settings.confidence),
        chosen.c,
    )


@dataclass(frozen=True)
class _Chosen:
    """Cells and the C of the second level."""

    cells: tuple[Cell, ...]
    c: float


def _add_cells(scores: Mapping[Cell, Floats], rows: LabelledAnswers, settings: GridSettings) -> _Chosen:
    """Add cells to the first one while the cross-validated AUC rises: scores float64 (n,) of each candidate.

    Which cell helps most is looked up by least squares, in closed form; the second level is a logistic regression.
    """
    best, *candidates = scores
    cells: tuple[Cell, ...] = (best,)
    reached = _together([scores[best]], rows)
    while len(cells) < MOST_CELLS and candidates:
        aucs = {cell: _together([scores[each] for each in (*cells, cell)], rows) for cell in candidates}
        added = max(candidates, key=lambda cell: aucs[cell])
        if aucs[added] <= reached:
            break
        cells, reached = (*cells, added), aucs[added]
        candidates.remove(added)
    features = torch.from_numpy(np.stack([scores[cell] for cell in cells], axis=1))
    return _Chosen(cells, best_on_path(out_of_fold_path(features, rows.y, rows.fold, settings.cs), rows.y).c)


def _together(scores: Sequence[Floats], rows: LabelledAnswers) -> float:
    """Return the cross-validated AUC of the scores' best linear combination by least squares."""
    x = standardise(torch.from_numpy(np.stack(scores, axis=1))).x
    y, fold = torch.from_numpy(rows.y.astype(np.float64))[:, None], torch.from_numpy(rows.fold)
    return _auc(next(ridge_left_out(x, y, fold, [_LEAST_SQUARES]))[:, 0].numpy(), rows.y)


def _nested(scores: Mapping[Cell, Floats], rows: LabelledAnswers, settings: GridSettings) -> Floats:
    """Score each fold by a stack whose cells, C and weights were found without it: float64 (n,)."""
    nested = np.empty(len(rows.ids))
    for fold in np.unique(rows.fold):
        left_out = rows.fold == fold
        seen = rows.take(~left_out)
        if len(np.unique(seen.fold)) < 2 or not _has_both(seen):
            nested[left_out] = scores[next(iter(scores))][left_out]
            continue
        chosen = _add_cells({cell: each[~left_out] for cell, each in scores.items()}, seen, settings)
        features = np.stack([scores[cell] for cell in chosen.cells], axis=1)
        said = fit_probe(torch.from_numpy(features[~left_out]), seen.y, chosen.c).score(features)
        # All folds are brought to one intercept, as in cross-validation, and to one scale: each has a C of its own.
        nested[left_out] = (said[left_out] - said[~left_out].mean()) / (said[~left_out].std() or 1.0)
    return nested


def _has_both(rows: LabelledAnswers) -> bool:
    """Say whether every training part of cross-validation over the folds of these rows has both outcomes."""
    training = [rows.y[rows.fold != fold] for fold in np.unique(rows.fold)]
    return all(part.any() and not part.all() for part in training)


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


def _auc(scores: Floats, y: Bools) -> float:
    return float(auc_values(round_scores(scores[None]), y)[0])


def _features(out_of_fold: GridScores, cells: Sequence[Cell], scored: Bools) -> Floats:
    """Return the cells' scores of the answers that the best cell scored, gaps filled by the mean: float64 (n, k)."""
    scores = np.stack([out_of_fold.of(cell)[scored] for cell in cells], axis=1).astype(np.float64)
    return _filled(scores, np.nanmean(scores, axis=0))


def _filled(scores: Floats, with_what: Floats) -> Floats:
    return np.where(np.isfinite(scores), scores, with_what)
