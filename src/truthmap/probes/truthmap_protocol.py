"""truthmap's own probes: cross-validated, C chosen in each cell, every probe at its optimum."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from truthmap.arrays import Bools, Ints
from truthmap.lm.oom import halve_batches_on_oom
from truthmap.probes.cell_batch import CellBatch
from truthmap.probes.cell_scores import CellScores, score_cell
from truthmap.probes.cross_validation import CellStates, OutOfFoldScores, best_on_path, cross_validate
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.probes.permutation import null_aucs
from truthmap.probes.recipe import CellInput, ProbeRecipe, Targets, fit_one_by_one


class TruthmapRecipe:
    """L2-regularised logistic regression on standardised states; see `ProbeRecipe`."""

    def fitting(self) -> AbstractContextManager[None]:
        """Nothing needs to stand around the fits."""
        return nullcontext()

    def fit_cell(
        self, states: torch.Tensor, labels: LabelledAnswers, targets: Targets, settings: GridSettings
    ) -> list[CellScores]:
        """Cross-validate the cell on the labels' folds; labels that too few answers have get no probe."""
        y, shuffled = targets.y, targets.shuffled
        fits = [_nothing(row, shuffled.shape[1]) for row in y]
        fit = [number for number, row in enumerate(y) if _enough(row, labels.fold, settings.fewest)]
        if fit:
            cell = CellStates.by_fold(states.to(settings.device), labels.fold)
            paths = list(cross_validate(cell, y[fit], settings.cs))
            for number, each in enumerate(fit):
                scored = _at_best_c([_one(at_c, number) for at_c in paths], y[each], labels, settings)
                fits[each] = replace(scored, null=null_aucs(cell, shuffled[each], settings.cs))
        return fits

    def fit_cells(
        self, cells: Sequence[CellInput], labels: LabelledAnswers, targets: Targets, settings: GridSettings
    ) -> list[list[CellScores]]:
        """Cross-validate the cells at once; those in which labels or folds are lacking, by themselves."""
        whole = [n for n, cell in enumerate(cells) if _has_all(cell.here, labels, targets, settings)]
        if len(cells) == 1 or not whole:
            return fit_one_by_one(self, cells, labels, targets, settings)
        rest = [n for n in range(len(cells)) if n not in set(whole)]
        alone = fit_one_by_one(self, [cells[n] for n in rest], labels, targets, settings)
        found = dict(zip(rest, alone, strict=True))
        fit = partial(_fit_at_once, cells, labels, targets, settings)
        for part, fits in halve_batches_on_oom([whole], fit, torch.device(settings.device), "cell's probes"):
            found.update(zip(part, fits, strict=True))
        return [found[n] for n in range(len(cells))]

    def learns_from(self, labels: LabelledAnswers, settings: GridSettings) -> Bools:  # noqa: ARG002 (of the protocol)
        """All of them."""
        return np.ones(len(labels.ids), dtype=bool)

    def refit(self, states: torch.Tensor, y: Bools, c: float) -> LinearProbe:
        """Fit the probe at the C of its cell."""
        return fit_probe(states, y, c)


RECIPE: ProbeRecipe = TruthmapRecipe()


def _has_all(here: Bools, labels: LabelledAnswers, targets: Targets, settings: GridSettings) -> bool:
    """Say whether a cell has every fold, and every label enough of each outcome."""
    fold = labels.fold[here]
    return len(np.unique(fold)) == len(np.unique(labels.fold)) and all(
        _enough(row[here], fold, settings.fewest) for row in targets.y
    )


def _fit_at_once(
    cells: Sequence[CellInput],
    labels: LabelledAnswers,
    targets: Targets,
    settings: GridSettings,
    chosen: Sequence[int],
) -> list[list[CellScores]]:
    """Fit the chosen cells, stacked."""
    here = np.stack([cells[n].here for n in chosen])
    states = torch.stack([cells[n].states.to(settings.device, non_blocking=True) for n in chosen])
    batch = CellBatch.by_fold(states, here, labels.fold)
    del states
    path = list(batch.cross_validate(targets.y, settings.cs))
    nulls = [batch.null_aucs(shuffled, settings.cs) for shuffled in targets.shuffled]
    found = []
    for place, own in enumerate(here):
        rows, its_own = labels.take(own), [at_c[place] for at_c in path]
        fits = []
        for number, y in enumerate(targets.y):
            one = [_of_rows(_one(at_c, number), own) for at_c in its_own]
            fits.append(replace(_at_best_c(one, y[own], rows, settings), null=nulls[number][place]))
        found.append(fits)
    return found


def _of_rows(at_c: OutOfFoldScores, own: Bools) -> OutOfFoldScores:
    """Keep the scores of the answers that a cell has: bool (n,)."""
    return replace(at_c, scores=at_c.scores[:, own])


def _enough(y: Bools, fold: Ints, fewest: int) -> bool:
    """Say whether a label has `fewest` of each outcome and both outcomes in every training part."""
    n, n_right = len(y), int(y.sum())
    training = [fold != each for each in np.unique(fold)]
    return min(n_right, n - n_right) >= max(fewest, 1) and all(y[t].any() and not y[t].all() for t in training)


def _nothing(y: Bools, n_permutations: int) -> CellScores:
    unknown = np.full(len(y), np.nan, dtype=np.float32)
    return CellScores({"n": len(y), "n_right": int(y.sum())}, unknown, np.full(n_permutations, 0.5))


def _one(at_c: OutOfFoldScores, number: int) -> OutOfFoldScores:
    only = slice(number, number + 1)
    return OutOfFoldScores(at_c.c, at_c.scores[only], at_c.gap[only], at_c.converged[only])


def _at_best_c(
    path: Sequence[OutOfFoldScores], y: Bools, labels: LabelledAnswers, settings: GridSettings
) -> CellScores:
    """Choose C by out-of-fold AUC and score the cell there."""
    best = best_on_path(path, y)
    scored = score_cell(best.scores[0], y, labels, settings)
    fit = {
        "c": best.c,
        "converged": all(at_c.converged.all() for at_c in path),
        "gap": max(float(at_c.gap.max()) for at_c in path),
    }
    return replace(scored, numbers={**scored.numbers, **fit})
