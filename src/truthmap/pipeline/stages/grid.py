"""The stage that fits the probes of all cells, chooses the best one and scores it once on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import Job, Tally
from truthmap.files import atomic_write, write_json
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.text_encoder import load_text_encoder
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.within_answer import measure_within
from truthmap.metrics.within_answer_record import WithinAnswer
from truthmap.pipeline.contents import MapContents
from truthmap.pipeline.rivals import before_answering, best_free_score, best_text
from truthmap.pipeline.stages.base import StageResult
from truthmap.positions import Position
from truthmap.probes.enough import require_enough
from truthmap.probes.fit_grid import RIGHT, GridFit, fit_grids, with_p_values
from truthmap.probes.grid import ARRAYS, Grid, GridScores, best_cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, label_answers
from truthmap.probes.layer_source import LayerSource
from truthmap.probes.learning_curve import fit_curve
from truthmap.probes.protocols import info_of
from truthmap.probes.rivals import Contest
from truthmap.probes.solver.compile import compile_solver
from truthmap.probes.stacking import StackedProbe, choose_cells, fit_stack
from truthmap.probes.test_part import TestScore, score_on_test
from truthmap.probes.text_baseline import TextBaselineFit, fit_text_baselines, with_text_baselines
from truthmap.probes.text_features import RowTexts, row_texts
from truthmap.records import Answer, Grade, Outcome, Question, RowKey, Site, SplitAssignment
from truthmap.runs.file_names import (
    ANSWERS,
    GRADES,
    GRID,
    LEARNING_CURVE,
    PERMUTATION_NULL,
    QUESTIONS,
    SCORES,
    SPLITS,
    SUMMARY,
)
from truthmap.runs.out_of_fold import write_out_of_fold
from truthmap.runs.summary import StackedCells, Summary
from truthmap.runs.tables import read_records
from truthmap.store.shards import LayerStates
from truthmap.store.states import StateStore
from truthmap.study.stage_settings import grid_settings
from truthmap.terminal.progress import Advance


def fit_map(run: ActiveRun) -> StageResult:
    """Fit the grid of every site with its controls; the best cell of them all is scored once on the test part."""
    questions = read_records(run.folder / QUESTIONS, Question)
    grades = read_records(run.folder / GRADES, Grade)
    answers = {answer.key: answer for answer in read_records(run.folder / ANSWERS, Answer)}
    labels = label_answers(questions, grades, read_records(run.folder / SPLITS, SplitAssignment))
    store, settings = run.store, grid_settings(run.study)
    require_enough(labels, grades, settings.fewest)
    texts = row_texts(labels, questions, answers, grades)
    text = fit_text(run, texts, labels)
    if run.study.resources.cluster is None:  # a worker compiles for itself
        with run.progress.stage("Preparing the solver, which is compiled the first time", None):
            compile_solver()
    fits = [fit_layers(run, labels, settings, site) for site in run.study.states.sites]
    null = np.max(np.stack([fit.null for fit in fits]), axis=0)
    contents = MapContents.of(answers, grades, labels, store.positions, run.study.states)
    compared = [(contents.beside(with_p_values(fit.grid, null)), fit.out_of_fold) for fit in fits]
    found = [(with_text_baselines(grid, text.baselines, own, labels), own) for grid, own in compared]
    best = max((_Best.of(*each) for each in found), key=lambda best: best.auc.value)
    test = score_on_test(store, labels, best.grid, best_cell(best.grid), settings)
    stack = combine_cells(store, labels, (best.grid, best.out_of_fold), test, settings)
    _write_tables(run, found, null)
    files = [GRID, SCORES, PERMUTATION_NULL, SUMMARY]
    if info_of(settings.protocol).has_learning_curve:
        with run.progress.stage("Fitting fewer answers", None):
            points = fit_curve(store, labels, run.study.states.sites, settings)
        curve = pd.DataFrame([asdict(point) for point in points])
        _write_table(run, LEARNING_CURVE, curve)
        files.append(LEARNING_CURVE)
    text_scores = text.score(texts.take(test.labels.ids))
    contest = Contest(labels, test, tuple(best.out_of_fold.at(test.cell)))
    extra = {
        "stack": stack,
        "null_95": float(np.quantile(null, 0.95)) if len(null) else None,
        "text_baseline": best_text(contest, text, text_scores),
        "within": within_on_test(test, text_scores),
        "free_score": best_free_score(contest, answers, {grade.key: grade for grade in grades}),
        "before_answering": before_answering(contest, store, (best.grid, best.out_of_fold), settings),
        "columns": contents.columns,
        "endings": contents.endings,
    }
    summary = _summary(run, grades, best, test)
    write_json(run.folder / SUMMARY, summary.model_copy(update=extra).model_dump(mode="json"))
    return StageResult(files)


def within_on_test(test: TestScore, text: Mapping[RowKey, float]) -> WithinAnswer | None:
    """Measure the best cell and the best text baseline among the test answers that say the same."""
    rows = test.labels
    probe, words = ([scores[i] for i in rows.ids] for scores in (test.scores, text))
    return measure_within(rows.canonical, rows.y, rows.group, probe, words)


def fit_text(run: ActiveRun, texts: RowTexts, labels: LabelledAnswers) -> TextBaselineFit:
    """Fit the text baselines on train + validation, with sentence embeddings where the study names a model for them."""
    seen, name = labels.of(test=False), run.study.grid.text_model
    with run.progress.stage("Fitting the text baselines", None):
        encoder = None if name is None else load_text_encoder(name, LoadSettings(device=run.study.resources.device))
        return fit_text_baselines(texts.take(seen.ids), seen, encoder)


def _write_tables(run: ActiveRun, found: Sequence[tuple[Grid, GridScores]], null: np.ndarray) -> None:
    _write_table(run, GRID, pd.concat([grid.to_frame() for grid, _ in found], ignore_index=True))
    _write_table(run, PERMUTATION_NULL, pd.DataFrame({"largest_auc": null}))
    write_out_of_fold(run.folder / SCORES, [out_of_fold for _, out_of_fold in found])


def _write_table(run: ActiveRun, name: str, table: pd.DataFrame) -> None:
    with atomic_write(run.folder / name) as temp_path:
        table.to_parquet(temp_path)


@dataclass(frozen=True)
class _Best:
    """The best cell of a grid and its numbers."""

    grid: Grid
    out_of_fold: GridScores
    auc: Estimate

    @classmethod
    def of(cls, grid: Grid, out_of_fold: GridScores) -> _Best:
        at = grid.index(best_cell(grid))
        scored = int(np.isfinite(out_of_fold.scores[at]).sum())
        return cls(grid, out_of_fold, Estimate(value=grid.auc[at], low=grid.low[at], high=grid.high[at], n=scored))


def _summary(run: ActiveRun, grades: Sequence[Grade], best: _Best, test: TestScore) -> Summary:
    of = {outcome: [grade for grade in grades if grade.outcome is outcome] for outcome in Outcome}
    at = best.grid.index(test.cell)
    return Summary(
        model=run.study.model.name,
        questions=run.study.questions.name,
        right=len(of[Outcome.RIGHT]),
        wrong=len(of[Outcome.WRONG]),
        unscored=len(of[Outcome.UNSCORED]),
        refusals=sum(grade.refusal for grade in grades),
        found_right=_found(of[Outcome.RIGHT]),
        found_wrong=_found(of[Outcome.WRONG]),
        site=test.cell.site,
        layer=test.cell.layer,
        position=test.cell.position,
        C=float(best.grid.c[at]),
        validation=best.auc,
        test=test.auc,
        converged=float(best.grid.converged[np.isfinite(best.grid.auc)].mean()),
        protocol=run.study.protocol,
        p_value=_known(best.grid.p_value[at]),
    )


def _known(value: float) -> float | None:
    """Return a number as JSON can hold it: a missing one is `None`."""
    return float(value) if np.isfinite(value) else None


def _found(grades: Sequence[Grade]) -> float:
    """Return the share of these answers in which an exact answer was found."""
    return sum(grade.span is not None for grade in grades) / len(grades)


_LAYERS_ON_CUDA = 8
"""Layers in a job on a GPU: what of the next cells is read while some are fitted, is read within a job."""


@dataclass(frozen=True)
class LayersJob:
    """Layers of a site to fit, and what their probes are to predict."""

    site: Site
    layers: range
    labels: LabelledAnswers
    settings: GridSettings


@dataclass(frozen=True)
class SomeLayers:
    """A store of which some layers are seen, counted from 0."""

    store: StateStore
    layers: range

    @property
    def positions(self) -> tuple[Position, ...]:
        """What axis P of a layer holds."""
        return self.store.positions

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return how many layers are seen and d, of each site."""
        return {site: (len(self.layers), width) for site, (_, width) in self.store.layout().items()}

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read one of the layers."""
        return self.store.read_layer(site, self.layers[layer], ids)

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read a cell of one of the layers."""
        return self.store.read_cell(site, self.layers[layer], position, ids)


def fit_layers(run: ActiveRun, labels: LabelledAnswers, settings: GridSettings, site: Site) -> GridFit:
    """Fit the grid of a site, some layers at a time, by whoever does the run."""
    n_layers, _ = run.store.layout()[site]
    each = _LAYERS_ON_CUDA if settings.device.startswith("cuda") else 1
    parts = [range(start, min(start + each, n_layers)) for start in range(0, n_layers, each)]
    jobs = [Job(layers.start, (), LayersJob(site, layers, labels, settings), len(layers)) for layers in parts]
    with run.progress.stage(f"Fitting probes: {site}", n_layers) as advance:
        fits = {done.number: done.result for done in run.executor.map(fit_some_layers, jobs, Tally(advance))}
    return join_layers([fits[layers.start] for layers in parts])


def fit_some_layers(run: ActiveRun, job: LayersJob, advance: Advance) -> GridFit:
    """Fit some layers."""
    # A worker that captured before has seen an index without the others' shards: read it anew.
    source = SomeLayers(StateStore(run.states_at), job.layers)
    right = {RIGHT: job.labels.y}
    return fit_grids(source, job.labels, right, job.site, job.settings, lambda done, _: advance(done))[RIGHT]


def join_layers(fits: Sequence[GridFit]) -> GridFit:
    """Put the fits of a site's layers, in their order, together; p-values are those of the largest AUC in all of them.

    They are as if the whole had been fitted at once: no layer's probes depend on another's.
    """
    arrays = {name: np.concatenate([getattr(fit.grid, name) for fit in fits]) for name in ARRAYS}
    first = fits[0].out_of_fold
    scores = np.concatenate([fit.out_of_fold.scores for fit in fits])
    null = np.max(np.stack([fit.null for fit in fits]), axis=0)
    return GridFit(
        with_p_values(Grid(first.site, first.positions, **arrays), null),
        GridScores(first.site, first.positions, first.ids, scores),
        null,
    )


def combine_cells(
    source: LayerSource, labels: LabelledAnswers, fits: tuple[Grid, GridScores], test: TestScore, settings: GridSettings
) -> StackedCells | None:
    """Choose cells on train + validation; only if they beat the single one are they scored on the test part.

    Returns:
        What was found, or `None` where no second cell helps or where the protocol knows no stack.
    """
    if not info_of(settings.protocol).has_stack:
        return None
    choice = choose_cells(*fits, labels, test.cell, settings)
    if len(choice.cells) < 2:
        return None
    on_test = None
    if choice.beats_single:
        on_test = _on_test(source, fit_stack(source, labels, fits, choice), test, settings)
    return StackedCells(
        cells=tuple((cell.layer, cell.position) for cell in choice.cells),
        C=choice.c,
        validation=choice.auc,
        gain=choice.gain,
        chosen=choice.beats_single,
        test=on_test,
    )


def _on_test(source: LayerSource, stack: StackedProbe, test: TestScore, settings: GridSettings) -> Estimate:
    """Score the very test answers that the best cell was scored on."""
    tested, states = test.labels, {}
    for cell in stack.cells:
        read = source.read_cell(cell.site, cell.layer, cell.position, tested.ids)
        found = read.states[0].double().numpy()
        found[~read.present[0]] = np.nan
        states[cell] = found
    return auc_estimate(stack.score(states), tested.y, tested.group, settings.confidence)
