"""The same grid for any label that somebody has: a topic, a human verdict, a kind of error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from truthmap.analyses.labels.figure import draw_label_maps, draw_number_map
from truthmap.analyses.labels.measure import LabelKind, LabelMaps, LabelScore
from truthmap.analyses.labels.numbers import as_numbers, map_numbers, number_result, number_table
from truthmap.analyses.labels.read import by_question
from truthmap.analyses.results import write_analysis
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.metrics.multiple_tests import holm
from truthmap.probes.fit_grid import GridFit, fit_grids
from truthmap.probes.grid import best_cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.test_part import score_on_test
from truthmap.records import Site, Split
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.store.tensors import TensorReader
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress, Silence

MOST_LABELS = 12
FEWEST = 10
"""Answers in train + validation that a label needs, and that must lack it."""


def map_labels(
    run: Run,
    column: str,
    of_question: Mapping[str, str],
    *,
    site: Site | None = None,
    permutations: int | None = None,
    kind: LabelKind = LabelKind.AUTO,
    progress: Progress | None = None,
) -> LabelMaps:
    """Fit the grid for other labels than right and wrong; writes `analyses/labels-COLUMN.*` into the run folder.

    The states, the split and the folds are the run's. Labels are each told from all the rest, and share the work.
    Numbers are predicted by ridge probes, and a cell's score is Spearman's rank correlation.

    Args:
        run: A finished run.
        column: What the labels are: names the files.
        of_question: Question id, or the question's text, → label.
        site: What to read; by default the site of the run's best cell.
        permutations: Shuffles of the labels for the p-values; 0: none; by default 100, or 25 for each label where that
            is more: with fewer, no label of many could ever be significant.
        kind: Classes or numbers; by default numbers, where all labels are and there are more than two.
        progress: Who shows the stages.

    Raises:
        UsageError: more than twelve labels, two labels for one question, or a column that cannot name a file.
        NotEnoughDataError: fewer than two labels, or none that ten answers have and ten lack.
    """
    name = _file_name(column)
    data = RunData.load(run)
    of_question = by_question(of_question, data.questions)
    scored = data.labels
    labelled = scored.take(np.array([i.question_id in of_question for i in scored.ids], dtype=bool))
    values = [of_question[i.question_id] for i in labelled.ids]
    read = site or data.summary.site
    store = TensorReader(data.states)
    unlabelled = len(scored.ids) - len(values)
    unknown = len(set(of_question) - {i.question_id for i in scored.ids})
    seed = Study(**data.settings["settings"]).seed
    if as_numbers(values, kind):
        drawn = 100 if permutations is None else permutations
        with (progress or Silence()).stage(f"Fitting numbers: {column}", store.layout()[read][0]) as advance:
            score, found = map_numbers(store, labelled, of_question, read, drawn, seed, advance)
        numbers = number_result(column, read, score, unlabelled, unknown)
        table = number_table(found, read, store.positions, column)
        figure = draw_number_map(found, store.positions, column)
        write_analysis(run.folder / ANALYSES, name, numbers, table, figure, [run])
        return numbers
    targets, too_few = _targets(values, labelled)
    shuffles = max(100, 25 * len(targets)) if permutations is None else permutations
    settings = GridSettings(n_permutations=shuffles, seed=seed, fewest=FEWEST)
    with (progress or Silence()).stage(f"Fitting labels: {column}", store.layout()[read][0]) as advance:
        fits = fit_grids(store, labelled, targets, read, settings, lambda done, _layers: advance(done))
    counts = Counter(values)
    result = LabelMaps(
        column=column,
        site=read,
        labelled=len(values),
        unlabelled=unlabelled,
        unknown=unknown,
        scores=_corrected(
            [
                _score(store, replace(labelled, y=targets[label]), label, fit, settings, counts[label]).model_copy(
                    update={"against": next(iter(set(counts) - {label})) if len(counts) == 2 else None}
                )
                for label, fit in fits.items()
            ]
        ),
        too_few=too_few,
    )
    _write(run, name, result, fits)
    return result


def _targets(values: Sequence[str], labels: LabelledAnswers) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return what to predict for each label, label → bool (n,), and the labels that too few answers have."""
    counts = Counter(values)
    if len(counts) > MOST_LABELS:
        raise UsageError(f"at most {MOST_LABELS} labels can be mapped, got {len(counts)}; put the rare ones together")
    if len(counts) < 2:
        raise NotEnoughDataError(f"a map needs two labels or more among the scored answers, got {len(counts)}")
    seen = np.array([split is not Split.TEST for split in labels.split], dtype=bool)
    has = {label: np.array([value == label for value in values], dtype=bool) for label in sorted(counts)}
    enough = {
        label: target
        for label, target in has.items()
        if min(int((target & seen).sum()), int((~target & seen).sum())) >= FEWEST
    }
    if not enough:
        few = ", ".join(f"{label!r}: {count}" for label, count in counts.most_common())
        raise NotEnoughDataError(
            f"a label needs {FEWEST} answers that have it and {FEWEST} that do not, outside the test part ({few})"
        )
    too_few = {label: counts[label] for label in has if label not in enough}
    # Of two labels one map tells all: the other is the same upside down.
    return ({max(enough): enough[max(enough)]} if len(counts) == 2 else enough), ({} if len(counts) == 2 else too_few)


def _score(
    store: TensorReader, labels: LabelledAnswers, label: str, fit: GridFit, settings: GridSettings, count: int
) -> LabelScore:
    cell = best_cell(fit.grid)
    grid, at = fit.grid, fit.grid.index(cell)
    try:
        test = score_on_test(store, labels, grid, cell, settings).auc
    except NotEnoughDataError:
        test = None
    return LabelScore(
        label=label,
        n=count,
        layer=cell.layer,
        position=cell.position,
        validation=grid.estimate(cell),
        p_value=float(grid.p_value[at]) if np.isfinite(grid.p_value[at]) else None,
        test=test,
    )


def _corrected(scores: Sequence[LabelScore]) -> tuple[LabelScore, ...]:
    """Correct the p-values for the number of labels; a label without one counts as one that was looked at."""
    if all(score.p_value is None for score in scores):
        return tuple(scores)
    corrected = holm(np.array([1.0 if score.p_value is None else score.p_value for score in scores]))
    return tuple(
        score if score.p_value is None else score.model_copy(update={"p_corrected": float(p)})
        for score, p in zip(scores, corrected, strict=True)
    )


def _write(run: Run, name: str, result: LabelMaps, fits: Mapping[str, GridFit]) -> None:
    tables = [fit.grid.to_frame().assign(label=label) for label, fit in fits.items()]
    figure = draw_label_maps({score.told: fits[score.label].grid for score in result.scores}, result.column)
    write_analysis(run.folder / ANALYSES, name, result, pd.concat(tables, ignore_index=True), figure, [run])


def _file_name(column: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in column).strip("-")
    if not kept:
        raise UsageError(f"the column {column!r} cannot name a file; give it a name with letters")
    return f"labels-{kept}"
