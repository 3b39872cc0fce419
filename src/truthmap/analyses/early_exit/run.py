"""From a finished run whose map has places of the thought to the curve of early exits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from truthmap.analyses.early_exit.figure import exit_figure
from truthmap.analyses.early_exit.measure import EarlyExit, ThoughtsSoFar, exit_points
from truthmap.analyses.probing import best_cell_at, has_probe, probe_settings
from truthmap.analyses.results import write_analysis
from truthmap.analyses.thought.measure import share_of_thought
from truthmap.analyses.thought.so_far import SoFar
from truthmap.answer_parts import parted
from truthmap.arrays import Floats
from truthmap.errors import NotEnoughDataError, RunFolderError, UsageError
from truthmap.grading.grade import grade_many
from truthmap.grading.kinds import needs_grader, needs_judge, needs_locator
from truthmap.metrics.intervals import share_of
from truthmap.positions import Position
from truthmap.probes.grid import Grid
from truthmap.probes.test_part import score_on_test
from truthmap.questions.tasks import Task
from truthmap.records import Outcome, RowKey, Site
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.store.tensors import TensorReader
from truthmap.study.stage_settings import load_question_set
from truthmap.study.study import Study

NAME = "early_exit"


def early_exit_curve(run: Run, *, site: Site | None = None) -> EarlyExit:
    """Measure what ending thoughts early would save and cost, from captured states: writes `analyses/early_exit.*`.

    At each share of the thought that the run's map has, the layer that is best there on train + validation reads
    P(right) in the test answers. A thought is ended at the first such place where that is high enough and the thought
    has named an answer, which is graded by the run's rule (Zhang et al., arXiv 2504.05419, read intermediate answers
    likewise). Nothing is generated anew: a model that is made to answer there may say something else.

    Args:
        run: A finished run whose map has places of the thought (`--positions along_thought`).
        site: What was read; by default the site of the best cell.

    Raises:
        RunFolderError: the map has no place of a thought, or not of this site.
        UsageError: what thoughts have named can be graded by a model or a program only.
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
    known = _known(data, grid, places, task)
    if known.right.all() or not known.right.any():
        raise NotEnoughDataError(f"the test answers of {run.address} that think are all right, or all wrong")
    shares = tuple(map(_share, places))
    by_probe, by_share = exit_points(known, shares)
    result = EarlyExit(
        model=run.summary.model,
        questions=run.summary.questions,
        n=len(known.right),
        tokens=int(known.tokens.sum()),
        places=shares,
        whole=share_of(known.right, known.group),
        by_probe=by_probe,
        by_share=by_share,
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
            for by, points in (("probe", result.by_probe), ("share", result.by_share))
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


def _known(data: RunData, grid: Grid, places: list[Position], task: Task) -> ThoughtsSoFar:
    """Gather what is known of the test answers that think, place by place."""
    test = data.labels.of(test=True)
    thoughts = {row: thought.tokens for row in test.ids if (thought := parted(data.answer_of(row)).thought)}
    rows = [row for row, tokens in thoughts.items() if tokens is not None]
    labels = test.take(np.array([row in rows for row in test.ids], dtype=bool))
    tokens = np.array([float(t.end - t.start) for row in labels.ids if (t := thoughts[row]) is not None])
    columns = [_at(data, grid, place, task, labels.ids) for place in places]
    p_right, right_now, spent = (np.stack(each, axis=1) for each in zip(*columns, strict=True))
    spent = np.where(np.isnan(spent), tokens[:, None], spent)
    return ThoughtsSoFar(p_right, right_now, spent, labels.y, tokens, labels.group)


def _at(
    data: RunData, grid: Grid, place: Position, task: Task, ids: tuple[RowKey, ...]
) -> tuple[Floats, Floats, Floats]:
    """Return P(right), whether what was named is right, and the tokens spent, of rows at one place: each float (n,)."""
    scores = score_on_test(
        TensorReader(data.states), data.labels, grid, best_cell_at(grid, place), probe_settings(data)
    ).scores
    answers = SoFar.of(data, place).answers
    there = [row for row in ids if row in answers]
    graded = grade_many([(data.question_of(row), answers[row]) for row in there], task)
    said = {
        row: float(grade.outcome is Outcome.RIGHT)
        for row, grade in zip(there, graded, strict=True)
        if grade.span is not None and grade.outcome is not Outcome.UNSCORED
    }
    p_right = np.array([float(expit(scores[row])) if row in scores else np.nan for row in ids])
    right_now = np.array([said.get(row, np.nan) for row in ids])
    spent = np.array([float(len(answers[row].answer_ids)) if row in answers else np.nan for row in ids])
    return p_right, right_now, spent
