"""The kinds of error of a sampled run, and a grid of probes for each: can the kind be read before sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from truthmap.analyses.errors.figure import error_types_figure
from truthmap.analyses.errors.measure import (
    ErrorType,
    ErrorTypes,
    SampleCounts,
    TypeProtocol,
    TypeScore,
    count_samples,
)
from truthmap.analyses.probing import only, probe_settings
from truthmap.analyses.results import estimates_table, write_analysis
from truthmap.analyses.samples.run import read_samples
from truthmap.analyses.saved import SavedAnalysis
from truthmap.arrays import Bools
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.token_scores import mean_log_prob
from truthmap.probes.fit_grid import fit_grids
from truthmap.probes.grid import Grid, best_cell
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.test_part import TestScore, score_on_test
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.store.tensors import TensorReader
from truthmap.terminal.progress import Advance, Progress, Silence

NAME = "errors"


def type_errors(
    run: Run, *, protocol: TypeProtocol = TypeProtocol.TRUTHMAP, progress: Progress | None = None
) -> ErrorTypes:
    """Sort a run's sampled questions by kind of error and fit a grid of probes for each; writes `analyses/errors.*`.

    Args:
        run: A finished run with samples.
        protocol: How questions are sorted.
        progress: Who shows the stages.

    Raises:
        UsageError: there is no such protocol.
        RunFolderError: the run has no samples.
    """
    data, samples = RunData.load(run), read_samples(run)
    counts = {i: count_samples(samples.graded(i)) for i in samples.question_ids}
    types = {i: protocol.types(each) for i, each in counts.items()}
    grids = _fit(data, types, progress or Silence())
    scores = [_score(data, types, kind, grids.get(kind)) for kind in ErrorType]
    result = ErrorTypes(
        model=run.summary.model,
        questions=run.summary.questions,
        protocol=str(protocol),
        k=samples.settings.k,
        sampled=len(counts),
        without_type=sum(not kinds for kinds in types.values()),
        types=tuple(scores),
    )
    _write(run, result, counts, types, grids)
    return result


def error_grids(run: Run) -> dict[ErrorType, Grid]:
    """Read the grids that `type_errors` fitted."""
    frame = SavedAnalysis(run.folder / ANALYSES, NAME, run).table(f"{NAME}_grids.parquet")
    return {ErrorType(str(name)): Grid.from_frame(rows) for name, rows in frame.groupby("type", sort=False)}


def _fit(data: RunData, types: Mapping[str, frozenset[ErrorType]], progress: Progress) -> dict[ErrorType, Grid]:
    """Fit the grids of all types that have enough answers, in one go."""
    typed, settings, site = _typed(data, types), probe_settings(data), data.summary.site
    targets = {str(kind): _members(typed, types, kind) for kind in ErrorType}
    targets = {name: y for name, y in targets.items() if min(y.sum(), (~y).sum()) >= settings.fewest}
    if not targets:
        return {}
    store = TensorReader(data.states)
    with progress.stage("Fitting kinds of error", store.layout()[site][0]) as advance:
        fits = fit_grids(store, typed, targets, site, settings, partial(_layers_done, advance))
    return {ErrorType(name): fit.grid for name, fit in fits.items() if np.isfinite(fit.grid.auc).any()}


def _score(data: RunData, types: Mapping[str, frozenset[ErrorType]], kind: ErrorType, grid: Grid | None) -> TypeScore:
    labels = data.labels
    members = {i for i, kinds in types.items() if kind in kinds}
    right = [bool(y) for i, y in zip(labels.ids, labels.y, strict=True) if i.question_id in members]
    plain = TypeScore(
        type=kind, n=len(members), greedy_right=sum(right) / len(right) if right else None, probed=len(right)
    )
    settings = probe_settings(data)
    if grid is None:
        why = f"a map needs {settings.fewest} answers of the type, and as many others, outside the test part"
        return plain.model_copy(update={"why_not": why})
    typed = _typed(data, types)
    labelled = replace(typed, y=_members(typed, types, kind))
    try:
        test = score_on_test(TensorReader(data.states), labelled, grid, best_cell(grid), settings)
    except NotEnoughDataError:
        return plain.model_copy(update={"why_not": "the test part has no answer of the type, or no other"})
    return plain.model_copy(update=_found(data, grid, test))


def _typed(data: RunData, types: Mapping[str, frozenset[ErrorType]]) -> LabelledAnswers:
    """Return the labels of the answers whose question has a type."""
    return only(data.labels, [i for i in data.labels.ids if types.get(i.question_id)])


def _members(labels: LabelledAnswers, types: Mapping[str, frozenset[ErrorType]], kind: ErrorType) -> Bools:
    """Say which answers' questions are of a type: bool (n,)."""
    return np.array([kind in types[i.question_id] for i in labels.ids], dtype=bool)


def _found(data: RunData, grid: Grid, test: TestScore) -> dict[str, object]:
    found: dict[str, object] = {
        "site": test.cell.site,
        "layer": test.cell.layer,
        "position": test.cell.position,
        "validation": grid.estimate(test.cell),
        "test": test.auc,
    }
    log_probs = np.array([mean_log_prob(data.answer_of(i)) for i in test.labels.ids])
    if not np.isnan(log_probs).any():
        found["log_prob"] = auc_estimate(log_probs, test.labels.y, test.labels.group)
    return found


def _layers_done(advance: Advance, done: int, _layers: int) -> None:
    advance(done)


def _write(
    run: Run,
    result: ErrorTypes,
    counts: Mapping[str, SampleCounts],
    types: Mapping[str, frozenset[ErrorType]],
    grids: Mapping[ErrorType, Grid],
) -> None:
    rows = [
        {
            "question_id": i,
            "types": sorted(map(str, types[i])),
            "scored": each.scored,
            "unscored": each.unscored,
            "right": each.right,
            "refused": each.refused,
            "wrong": list(each.wrong),
        }
        for i, each in counts.items()
    ]
    tables = {NAME: error_table(result), f"{NAME}_questions": pd.DataFrame(rows)}
    frames = [grid.to_frame().assign(type=str(kind)) for kind, grid in grids.items()]
    if frames:
        tables[f"{NAME}_grids"] = pd.concat(frames, ignore_index=True)
    write_analysis(run.folder / ANALYSES, NAME, result, tables, error_types_figure(result, grids), [run])


def error_table(result: ErrorTypes) -> pd.DataFrame:
    """Return the types as a table, a row per type."""
    return estimates_table(result.types, ("validation", "test", "log_prob"))
