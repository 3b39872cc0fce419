"""The one use of the test part."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.probes.cross_validation import usable
from truthmap.probes.grid import Cell, Grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.layer_source import LayerSource
from truthmap.probes.linear import LinearProbe
from truthmap.probes.recipes import recipe_named
from truthmap.records import RowKey
from truthmap.shown import ShortRepr


@dataclass(frozen=True, repr=False)
class TestScore(ShortRepr):
    """How the chosen cell does on answers that chose nothing.

    Attributes:
        cell: The cell.
        probe: Its probe, refitted on train + validation.
        auc: On the test answers that have the position.
        scores: Log-odds of being right, by row.
        labels: Those answers, in the order of the scores.
    """

    __test__ = False  # not a test case, whatever its name looks like

    cell: Cell
    probe: LinearProbe
    auc: Estimate
    scores: dict[RowKey, float]
    labels: LabelledAnswers


def refit_cell(
    source: LayerSource, labels: LabelledAnswers, grid: Grid, cell: Cell, settings: GridSettings
) -> LinearProbe:
    """Refit a cell's probe on train + validation, with the C chosen there; the test part has no part in it.

    Raises:
        NotEnoughDataError: the cell has no probe: too few right or wrong answers have it.
    """
    c = float(grid.c[grid.index(cell)])
    if not c > 0:
        raise NotEnoughDataError(
            f"layer {cell.layer}, {cell.position} has no probe: too few right or wrong answers have it; choose another "
            "cell, or ask more questions"
        )
    recipe, seen = recipe_named(settings.protocol), labels.of(test=False)
    training = source.read_cell(cell.site, cell.layer, cell.position, seen.ids)
    here = usable(training.states[0], training.present[0]) & recipe.learns_from(seen, settings)
    with recipe.fitting():
        return recipe.refit(training.states[0][here], seen.y[here], c)


def score_on_test(
    source: LayerSource, labels: LabelledAnswers, grid: Grid, cell: Cell, settings: GridSettings
) -> TestScore:
    """Refit a cell's probe on train + validation, with the C chosen there, and score the test part once.

    Raises:
        NotEnoughDataError: the test answers that have the position are all right, or all wrong.
    """
    probe = refit_cell(source, labels, grid, cell, settings)
    unseen = labels.of(test=True)
    testing = source.read_cell(cell.site, cell.layer, cell.position, unseen.ids)
    there = usable(testing.states[0], testing.present[0])
    tested = unseen.take(there)
    y = tested.y
    if y.all() or not y.any():
        raise NotEnoughDataError(
            f"the test part has {int(y.sum())} right of {len(y)} answers with the position {cell.position}: "
            "an AUC needs both; ask more questions"
        )
    scores = probe.score(testing.states[0][there].double().numpy())
    auc = auc_estimate(scores, y, tested.group, settings.confidence)
    return TestScore(cell, probe, auc, dict(zip(tested.ids, scores.tolist(), strict=True)), tested)
