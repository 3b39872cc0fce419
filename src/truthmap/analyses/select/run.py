"""Choosing among the samples of a run by its own detector, against the other ways to choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing

import pandas as pd

from truthmap.analyses.equivalence import ByCanonical, GradedAnswer
from truthmap.analyses.errors.measure import ErrorType, count_samples, error_type
from truthmap.analyses.probing import probe_settings
from truthmap.analyses.results import write_analysis
from truthmap.analyses.samples.run import Samples, read_samples
from truthmap.analyses.samples.states import sample_states
from truthmap.analyses.select.figure import selection_figure
from truthmap.analyses.select.measure import (
    Candidate,
    Pool,
    Selection,
    Strategy,
    TypeSize,
    chance_right,
    sample_numbers,
    score_strategies,
)
from truthmap.answer_parts import final_answer
from truthmap.errors import NotEnoughDataError
from truthmap.execution.reopen import reopen
from truthmap.metrics.token_scores import mean_log_prob, summarize_tokens
from truthmap.probes.grid import best_cell
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.test_part import score_on_test
from truthmap.records import Outcome, RowKey
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.store.tensors import TensorReader
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.terminal.progress import Progress

NAME = "select"


def select_answers(run: Run, *, reopening: ReopenSettings | None = None, progress: Progress | None = None) -> Selection:
    """Choose among the samples of each test question in every way; writes `analyses/select.*` into the run folder.

    The detector is the probe of the best cell, fitted on the greedy answers of train + validation; it reads each sample
    at that cell. The states are kept in the run folder.

    Raises:
        RunFolderError: the run has no samples, or the model is not the run's any more.
        PartialError: shards failed three times on a cluster; all others are kept.
        NotEnoughDataError: no test question can be chosen for.
    """
    active, data, samples = reopen(run, reopening, progress), RunData.load(run), read_samples(run)
    grid = data.grid()
    fitted = score_on_test(TensorReader(data.states), data.labels, grid, best_cell(grid), probe_settings(data))
    tested = data.labels.of(test=True)
    ids = [
        i for i in tested.ids if any(g.outcome is not Outcome.UNSCORED for g in samples.grades.get(i.question_id, ()))
    ]
    asked = list(dict.fromkeys(i.question_id for i in ids))
    if not ids:
        raise NotEnoughDataError(
            f"no test question of {run.address} has samples that could be graded; draw more of them"
        )
    with run.held(active.progress.say), active.stop.listening(active.progress.say), closing(active.executor):
        states = sample_states(run, active, samples, asked, fitted.cell)
    scores = {i: float(fitted.probe.score(state[None])[0]) for i, state in states.items()}
    pools = _pools(samples, tested, set(ids), scores)
    kinds = [kind for kind in ErrorType if any(pool.kind is kind for pool in pools)]
    ks = sample_numbers(max(len(samples.answers[i]) for i in asked))
    drawn = sum(len(samples.answers[i.question_id]) for i in ids)
    candidates = [c for pool in pools for c in pool.candidates]
    result = Selection(
        model=run.summary.model,
        questions=run.summary.questions,
        k=samples.settings.k,
        site=fitted.cell.site,
        layer=fitted.cell.layer,
        position=fitted.cell.position,
        n=len(pools),
        left_out=sum(split.fold < 0 for split in data.splits) - len(pools),
        ungraded=1 - len(candidates) / drawn,
        unread=sum(c.score is None for c in candidates) / len(candidates),
        ks=ks,
        types=tuple(TypeSize(type=kind, n=sum(p.kind is kind for p in pools)) for kind in kinds),
        strategies=score_strategies(pools, ks, kinds),
    )
    _write(run, result, pools)
    return result


def selection_table(result: Selection) -> pd.DataFrame:
    """Return the selection as a table, a row per strategy and type of error (`all`: all questions)."""
    rows = []
    for score in result.strategies:
        kinds = [("all", result.n, score.accuracy)]
        kinds += [(str(size.type), size.n, score.by_type[n]) for n, size in enumerate(result.types)]
        rows += [
            {
                "strategy": str(score.strategy),
                "type": kind,
                "n": n,
                "accuracy": accuracy.value,
                "accuracy_low": accuracy.low,
                "accuracy_high": accuracy.high,
            }
            for kind, n, accuracy in kinds
        ]
    frame: pd.DataFrame = pd.DataFrame(rows)
    return frame


def _pools(samples: Samples, tested: LabelledAnswers, ids: set[RowKey], scores: Mapping[RowKey, float]) -> list[Pool]:
    pools = []
    for n, i in enumerate(tested.ids):
        if i in ids:
            counts = count_samples(samples.graded(i.question_id))
            pools.append(
                Pool(
                    i,
                    tested.group[n],
                    bool(tested.y[n]),
                    _candidates(samples, i.question_id, scores),
                    error_type(counts),
                )
            )
    return pools


def _candidates(samples: Samples, question_id: str, scores: Mapping[RowKey, float]) -> tuple[Candidate, ...]:
    graded = [(answer, grade) for answer, grade in samples.graded(question_id) if grade.outcome is not Outcome.UNSCORED]
    classes = ByCanonical().classes([GradedAnswer("", answer, grade) for answer, grade in graded])
    return tuple(
        Candidate(
            right=grade.outcome is Outcome.RIGHT,
            equivalence_class=equivalence_class,
            log_prob=summarize_tokens(final_answer(answer).log_probs).total,
            mean_log_prob=mean_log_prob(answer),
            score=scores.get(grade.key),
        )
        for (answer, grade), equivalence_class in zip(graded, classes, strict=True)
    )


def _write(run: Run, result: Selection, pools: Sequence[Pool]) -> None:
    rows = [
        {
            "question_id": pool.row,
            "type": None if pool.kind is None else str(pool.kind),
            "candidates": len(pool.candidates),
            **{str(strategy): chance_right(strategy, pool, pool.candidates) for strategy in Strategy},
        }
        for pool in pools
    ]
    tables = {NAME: selection_table(result), f"{NAME}_questions": pd.DataFrame(rows)}
    write_analysis(run.folder / ANALYSES, NAME, result, tables, selection_figure(result), [run])
