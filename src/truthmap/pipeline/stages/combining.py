"""A detector from several cells, tried against the best single one."""

from __future__ import annotations

import numpy as np

from truthmap.metrics.auc import auc_many, round_scores
from truthmap.probes.grid import Grid, OutOfFold
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, LayerSource
from truthmap.probes.stacking import StackedProbe, choose_cells, fit_stack
from truthmap.probes.test_part import TestScore
from truthmap.runs.run import Interval, StackedCells


def combine_cells(
    source: LayerSource, labels: LabelledAnswers, fits: tuple[Grid, OutOfFold], test: TestScore, settings: GridSettings
) -> StackedCells | None:
    """Choose cells on train + validation; only if they beat the single one are they scored on the test part.

    Returns:
        What was found, or `None` where no second cell helps or where the study's protocol is followed.
    """
    if settings.protocol == "study":
        return None
    choice = choose_cells(*fits, labels, test.cell, settings)
    if len(choice.cells) < 2:
        return None
    on_test = None
    if choice.beats_single:
        on_test = _on_test(source, labels, fit_stack(source, labels, fits, choice), test, settings)
    auc = choice.auc
    return StackedCells(
        cells=tuple((cell.layer, cell.position) for cell in choice.cells),
        validation=Interval(auc=float(auc.auc[0]), low=float(auc.low[0]), high=float(auc.high[0]), n=choice.n),
        gain=choice.gain,
        gain_low=choice.low,
        gain_high=choice.high,
        chosen=choice.beats_single,
        test=on_test,
    )


def _on_test(
    source: LayerSource, labels: LabelledAnswers, several: StackedProbe, test: TestScore, settings: GridSettings
) -> Interval:
    """Score the very test answers that the best cell was scored on."""
    ids = tuple(test.scores)
    right = dict(zip(labels.ids, labels.y.tolist(), strict=True))
    states = {}
    for cell in several.cells:
        read = source.read_cell(cell.site, cell.layer, cell.position, ids)
        found = read.states[0].double().numpy()
        found[~read.present[0]] = np.nan
        states[cell] = found
    auc = auc_many(round_scores(several.score(states)[None]), np.array([right[i] for i in ids]), settings.confidence)
    return Interval(auc=float(auc.auc[0]), low=float(auc.low[0]), high=float(auc.high[0]), n=len(ids))
