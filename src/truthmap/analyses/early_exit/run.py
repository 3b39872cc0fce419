"""From a finished run whose map has places of the thought to the curve of early exits."""

from __future__ import annotations

import pandas as pd
from scipy.special import expit

from truthmap.analyses.early_exit.figure import exit_figure
from truthmap.analyses.early_exit.gather import Reading, gather_thoughts
from truthmap.analyses.early_exit.guarantee import guarantee_ending, guarantee_giving_up
from truthmap.analyses.early_exit.measure import EarlyExit, exit_point, exit_points, giving_up
from truthmap.analyses.probing import best_cell_at, has_probe, probe_settings
from truthmap.analyses.results import write_analysis
from truthmap.analyses.thought.measure import share_of_thought
from truthmap.errors import NotEnoughDataError, RunFolderError, UsageError
from truthmap.grading.kinds import needs_grader, needs_judge, needs_locator
from truthmap.metrics.intervals import share_of
from truthmap.positions import Position
from truthmap.probes.grid import Grid
from truthmap.probes.test_part import score_on_test
from truthmap.records import RowKey, Site
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.store.tensors import TensorReader
from truthmap.study.stage_settings import load_question_set
from truthmap.study.study import Study

NAME = "early_exit"
GIVE_UP_AT = 0.5
"""The share of a thought at which it may be given up: the nearest place that the map has."""


def early_exit_curve(run: Run, *, site: Site | None = None, limit: float = 0.1, confidence: float = 0.95) -> EarlyExit:
    """Measure what ending thoughts early would save and cost, from captured states: writes `analyses/early_exit.*`.

    At each share of the thought that the run's map has, the layer that is best there on train + validation reads
    P(right) in the test answers. A thought is ended at the first such place where that is high enough and the thought
    has named an answer, which is graded by the run's rule (Zhang et al., arXiv 2504.05419, read intermediate answers
    likewise). Nothing is generated anew: a model that is made to answer there may say something else.

    Args:
        run: A finished run whose map has places of the thought (`--positions along_thought`).
        site: What was read; by default the site of the best cell.
        limit: The bound of both guarantees: of the ended thoughts that had named a wrong answer, and of those that come
            to a right one that are given up.
        confidence: How sure each guarantee is.

    Raises:
        RunFolderError: the map has no place of a thought, or not of this site.
        UsageError: limit or confidence is outside (0, 1), or what thoughts have named can be graded by a model or a
            program only.
        NotEnoughDataError: too few answers think.
    """
    data = RunData.load(run)
    grid = data.grid(site)
    places = sorted((p for p in grid.positions if share_of_thought(p) is not None and has_probe(grid, p)), key=_share)
    if not places:
        raise RunFolderError(
            f"the map of {run.address} has no share of a thought with a probe: run the study again with --positions "
            "along_thought --update (its answers are kept)"
        )
    task = load_question_set(Study(**data.settings["settings"], out=run.address), kept_in=run.folder).task
    if needs_judge(task) or needs_grader(task) or needs_locator(task):
        raise UsageError("what thoughts have named is graded by a rule here; choose one with --grading")
    known, choosing = (
        gather_thoughts(data, places, task, _reading(data, grid, test=test), test=test) for test in (True, False)
    )
    if known.right.all() or not known.right.any():
        raise NotEnoughDataError(f"the test answers of {run.address} that think are all right, or all wrong")
    shares = tuple(map(_share, places))
    by_probe, by_share = exit_points(known, shares)
    half = min(range(len(shares)), key=lambda place: abs(shares[place] - GIVE_UP_AT))
    ending = guarantee_ending(choosing, known, limit, confidence)
    giving = guarantee_giving_up(choosing, known, half, limit, confidence)
    end, below = ending.threshold, giving.threshold
    result = EarlyExit(
        model=run.summary.model,
        questions=run.summary.questions,
        n=len(known.right),
        tokens=int(known.tokens.sum()),
        places=shares,
        whole=share_of(known.right, known.group),
        by_probe=by_probe,
        by_share=by_share,
        ending=ending,
        ended=None if end is None else exit_point(known, end, known.may_end(end)),
        giving_up=giving,
        give_up_at=shares[half],
        gave_up=None if below is None else giving_up(known, half, below),
    )
    write_analysis(run.folder / ANALYSES, NAME, result, points_table(result), exit_figure(result), [run])
    return result


def points_table(result: EarlyExit) -> pd.DataFrame:
    """Return the points as a table, a row each."""
    frame: pd.DataFrame = pd.DataFrame(
        [
            {
                "by": by,
                "rule": point.rule,
                "ended": point.ended,
                **_columns("saved", point.saved.value, point.saved.low, point.saved.high),
                **_columns("accuracy", point.accuracy.value, point.accuracy.low, point.accuracy.high),
                **_columns("lost", point.lost.value, point.lost.low, point.lost.high),
            }
            for by, points in (
                ("probe", result.by_probe),
                ("share", result.by_share),
                ("guarantee", () if result.ended is None else (result.ended,)),
            )
            for point in points
        ]
    )
    return frame


def _columns(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _share(position: Position) -> float:
    share = share_of_thought(position)
    assert share is not None
    return share


def _reading(data: RunData, grid: Grid, *, test: bool) -> Reading:
    """Read P(right) with the probes of the map: of test rows with the refitted one, of the others out of fold."""

    def read(place: Position, _rows: tuple[RowKey, ...]) -> dict[RowKey, float]:
        cell = best_cell_at(grid, place)
        if test:
            source = TensorReader(data.states)
            scores = score_on_test(source, data.labels, grid, cell, probe_settings(data)).scores
        else:
            scores = data.out_of_fold(grid.site).at(cell)
        return {row: float(expit(score)) for row, score in scores.items()}

    return read
