"""The stage that fits the probes of all cells, chooses the best one and scores it once on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from truthmap.analyses import mean_log_prob
from truthmap.files import write_json, written_whole
from truthmap.pipeline.capturing import state_store
from truthmap.pipeline.labels import labels_of, require_enough
from truthmap.pipeline.progress import Advance
from truthmap.pipeline.run import Interval, Summary
from truthmap.pipeline.settings import grid_settings
from truthmap.pipeline.tables import read_records
from truthmap.pipeline.work import Made, Work
from truthmap.probes import Grid, Labels, TestScore, auc_many, best_cell, fit_grid, round_scores, score_on_test
from truthmap.records import POSITIONS, Answer, Grade, Outcome, Question, Split


def fit_map(work: Work) -> Made:
    """Fit the grid of every site; the best cell of them all is scored once on the test part."""
    questions = read_records(work.path("questions.parquet"), Question)
    grades = read_records(work.path("grades.parquet"), Grade)
    labels = labels_of(questions, grades, read_records(work.path("splits.parquet"), Split))
    require_enough(labels, grades)
    store, settings = state_store(work), grid_settings()
    grids = []
    for site in work.study.sites:
        with work.progress.stage(f"Fitting probes: {site}", store.layout()[site][0]) as advance:
            grids.append(fit_grid(store, labels, site, settings, partial(_layers_done, advance)))
    best = max((_Best.of(grid) for grid in grids), key=lambda best: best.auc.auc)
    test = score_on_test(store, labels, best.grid, best_cell(best.grid), settings)
    with written_whole(work.path("grid.parquet")) as beside:
        pd.concat([grid.to_frame() for grid in grids], ignore_index=True).to_parquet(beside)
    answers = {answer.question_id: answer for answer in read_records(work.path("answers.parquet"), Answer)}
    summary = _summary(work, grades, best, test, _log_prob_auc(answers, labels, test))
    write_json(work.path("summary.json"), summary.model_dump(mode="json"))
    return Made(["grid.parquet", "summary.json"])


def _layers_done(advance: Advance, done: int, _layers: int) -> None:
    advance(done)


@dataclass(frozen=True)
class _Best:
    """The best cell of a grid, its cross-validated AUC and its C."""

    grid: Grid
    auc: Interval
    c: float

    @classmethod
    def of(cls, grid: Grid) -> _Best:
        cell = best_cell(grid)
        at = (cell.layer, POSITIONS.index(cell.position))
        auc = Interval(auc=grid.auc[at], low=grid.low[at], high=grid.high[at], n=int(grid.n[at]))
        return cls(grid, auc, float(grid.c[at]))


def _log_prob_auc(answers: Mapping[str, Answer], labels: Labels, test: TestScore) -> Interval | None:
    """Give the AUC of the mean log-probability on the very test answers that the best cell was scored on."""
    right = dict(zip(labels.ids, labels.y.tolist(), strict=True))
    scores = np.array([mean_log_prob(answers[i]) for i in test.scores])
    if np.isnan(scores).any():
        return None
    found = auc_many(round_scores(scores[None]), np.array([right[i] for i in test.scores]))
    return Interval(auc=float(found.auc[0]), low=float(found.low[0]), high=float(found.high[0]), n=len(scores))


def _summary(work: Work, grades: Sequence[Grade], best: _Best, test: TestScore, log_prob: Interval | None) -> Summary:
    of = {outcome: [grade for grade in grades if grade.outcome is outcome] for outcome in Outcome}
    return Summary(
        model=work.study.model,
        questions=work.study.questions,
        right=len(of[Outcome.RIGHT]),
        wrong=len(of[Outcome.WRONG]),
        unscored=len(of[Outcome.UNSCORED]),
        refusals=sum(grade.refusal for grade in grades),
        found_right=_found(of[Outcome.RIGHT]),
        found_wrong=_found(of[Outcome.WRONG]),
        site=test.cell.site,
        layer=test.cell.layer,
        position=test.cell.position,
        C=best.c,
        validation=best.auc,
        test=Interval(auc=test.auc, low=test.low, high=test.high, n=len(test.scores)),
        log_prob=log_prob,
        converged=float(best.grid.converged[np.isfinite(best.grid.auc)].mean()),
    )


def _found(grades: Sequence[Grade]) -> float:
    """Give the share of these answers in which an exact answer was found."""
    return sum(grade.span is not None for grade in grades) / len(grades)
