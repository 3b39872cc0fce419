"""What a run's best cell is held against: the text alone, scores that come free, the state before answering."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from truthmap.errors import NotEnoughDataError
from truthmap.grading.free_scores import free_scores
from truthmap.metrics.rival import Rival
from truthmap.positions import Group, columns_in
from truthmap.probes.grid import Grid, GridScores, best_cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.layer_source import LayerSource
from truthmap.probes.rivals import Contest
from truthmap.probes.test_part import score_on_test
from truthmap.probes.text_baseline import TextBaselineFit
from truthmap.records import Answer, Grade, RowKey


def best_text(contest: Contest, fit: TextBaselineFit, test: Mapping[RowKey, float]) -> Rival | None:
    """Return the best text baseline, refitted on train + validation and scored on the test answers of the best cell.

    Args:
        contest: What it is measured on.
        fit: The baselines as they were fitted on train + validation.
        test: What the best one says of the test answers.
    """
    best = fit.baselines.best
    return contest.rival(best.name, fit.baselines.of(best), test)


def best_free_score(contest: Contest, answers: Mapping[RowKey, Answer], grades: Mapping[RowKey, Grade]) -> Rival | None:
    """Return the best of the scores that come with the answer: sums of its tokens' log-probabilities.

    Returns:
        The one that is best on train + validation, or `None` where answers have no log-probabilities.
    """
    scores = free_scores((*contest.seen, *contest.probe.scores), answers, grades)
    best = contest.best_of(scores)
    return None if best is None else contest.rival(best, scores[best], scores[best])


def before_answering(
    contest: Contest,
    source: LayerSource,
    fits: tuple[Grid, GridScores],
    settings: GridSettings,
) -> Rival | None:
    """Return what can be read at the end of the prompt, in the layer that is best there on train + validation.

    Returns:
        `None` where the best cell itself stands there, and where no probe could be fitted or scored there.
    """
    grid, out_of_fold = fits
    columns = columns_in(grid.positions, Group.PROMPT)
    found = grid.auc[:, columns]
    if not np.isfinite(found).any():
        return None
    layer, place = np.unravel_index(int(np.nanargmax(found)), found.shape)
    cell = grid.cell(int(layer), columns[int(place)])
    if best_cell(grid).position.group is Group.PROMPT:
        return None
    try:
        test = score_on_test(source, contest.labels, grid, cell, settings)
    except NotEnoughDataError:
        return None
    rival = contest.rival(f"layer {cell.layer}, {cell.position}", out_of_fold.at(cell), test.scores)
    return None if rival is None else rival.model_copy(update={"cell": (cell.layer, cell.position)})
