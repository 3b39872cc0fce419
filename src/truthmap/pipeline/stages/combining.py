"""A detector from several cells, tried against the best single one."""

from __future__ import annotations

import numpy as np

from truthmap.metrics.auc import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.probes.grid import Grid, GridScores
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, LayerSource
from truthmap.probes.recipes import recipe_named
from truthmap.probes.stacking import StackedProbe, choose_cells, fit_stack
from truthmap.probes.test_part import TestScore
from truthmap.runs.run import StackedCells


def combine_cells(
    source: LayerSource, labels: LabelledAnswers, fits: tuple[Grid, GridScores], test: TestScore, settings: GridSettings
) -> StackedCells | None:
    """Choose cells on train + validation; only if they beat the single one are they scored on the test part.

    Returns:
        What was found, or `None` where no second cell helps or where the protocol knows no stack.
    """
    if not recipe_named(settings.protocol).info.has_stack:
        return None
    choice = choose_cells(*fits, labels, test.cell, settings)
    if len(choice.cells) < 2:
        return None
    on_test = None
    if choice.beats_single:
        on_test = _on_test(source, labels, fit_stack(source, labels, fits, choice), test, settings)
    return StackedCells(
        cells=tuple((cell.layer, cell.position) for cell in choice.cells),
        C=choice.c,
        validation=choice.auc,
        gain=choice.gain,
        chosen=choice.beats_single,
        test=on_test,
    )


def _on_test(
    source: LayerSource, labels: LabelledAnswers, stack: StackedProbe, test: TestScore, settings: GridSettings
) -> Estimate:
    """Score the very test answers that the best cell was scored on."""
    ids = tuple(test.scores)
    right = dict(zip(labels.ids, labels.y.tolist(), strict=True))
    states = {}
    for cell in stack.cells:
        read = source.read_cell(cell.site, cell.layer, cell.position, ids)
        found = read.states[0].double().numpy()
        found[~read.present[0]] = np.nan
        states[cell] = found
    return auc_estimate(stack.score(states), np.array([right[i] for i in ids]), settings.confidence)
