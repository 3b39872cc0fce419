"""Probes trained on one run's questions and tested on another's, for all pairs of runs of one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from truthmap.analyses.probing import FittedProbe, StatesAtCell, fit_cell_probe, pool_states, read_cell
from truthmap.analyses.results import estimates_table, write_analysis
from truthmap.analyses.transfer.figure import transfer_figure
from truthmap.analyses.transfer.measure import OTHERS, Choice, Transfer, TransferScore, TransferSet
from truthmap.errors import RunFolderError, UsageError
from truthmap.files import AnyPath, as_path
from truthmap.grading.free_scores import free_scores
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.intervals import share_of
from truthmap.metrics.paired_auc import auc_gain
from truthmap.metrics.selective import best_threshold
from truthmap.positions import Position
from truthmap.probes.grid import Cell, Grid, best_cell
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import RowKey, Site
from truthmap.runs.data import RunData
from truthmap.runs.run import Run
from truthmap.study.stage_settings import grid_settings
from truthmap.terminal.progress import Progress, Silence

NAME = "transfer"

_MEAN = "log-prob, mean"
_SAME = ("architecture", "weights", "tokenizer")


@dataclass(frozen=True)
class _Set:
    """A run as source and as target."""

    name: str
    data: RunData
    site: Site
    positions: tuple[Position, ...]

    @property
    def labels(self) -> LabelledAnswers:
        return self.data.labels

    @property
    def grid(self) -> Grid:
        """The grid at the positions that all sets have."""
        return self.data.grid(self.site).at(self.positions)

    @property
    def free_score(self) -> str:
        """The free score that is best on the set's own train + validation; a run that knows none takes the mean."""
        best = self.data.summary.free_score
        return _MEAN if best is None else best.name

    @cached_property
    def free_scores(self) -> Mapping[RowKey, float]:
        answers = {answer.key: answer for answer in self.data.answers}
        grades = {grade.key: grade for grade in self.data.grades}
        return free_scores(self.labels.ids, answers, grades)[self.free_score]

    def training(self, cell: Cell) -> StatesAtCell:
        return read_cell(self.data, self.labels.of(test=False), cell)

    def testing(self, cell: Cell) -> StatesAtCell:
        return read_cell(self.data, self.labels.of(test=True), cell)


@dataclass(frozen=True)
class _Source:
    """A fitted probe, its threshold, and the groups of questions that it has seen."""

    name: str
    choice: Choice
    cell: Cell
    fitted: FittedProbe
    threshold: float
    seen: frozenset[str]


def transfer_runs(
    runs: Sequence[Run], out: AnyPath | str, *, site: Site = Site.RESIDUAL, progress: Progress | None = None
) -> Transfer:
    """Train on each run, test on each; writes `transfer.*` into the folder `out`.

    Raises:
        UsageError: fewer than two runs.
        RunFolderError: the runs are of different models, or one has no states of the site.
        NotEnoughDataError: a source has too few answers of an outcome.
    """
    sets = _checked(runs, site)
    common = _common_cell([each.grid for each in sets])
    scores: list[TransferScore] = []
    notes: list[str] = []
    sources = list(_plan(sets, common))
    with (progress or Silence()).stage("Training probes", len(sources)) as advance:
        for done, (source, targets) in enumerate(map(_trained, sources), start=1):
            for target in targets:
                score = _tested(source, target)
                if score is None:
                    notes.append(f"{source.name} → {target.name}: the test answers that remain have one outcome only")
                else:
                    scores.append(score)
            advance(done)
    result = Transfer(
        model=runs[0].summary.model,
        site=site,
        layer=common.layer,
        position=common.position,
        sets=tuple(_described(each) for each in sets),
        scores=tuple(scores),
        notes=tuple(notes),
    )
    _write(as_path(out), result, runs)
    return result


def transfer_table(result: Transfer) -> pd.DataFrame:
    """Return the scores as a table, a row per choice, source and target."""
    return estimates_table(result.scores, ("auc", "minus_log_prob", "error"))


@dataclass(frozen=True)
class _Plan:
    """What to train on, where, and what to test it on."""

    name: str
    choice: Choice
    cell: Cell
    sources: tuple[_Set, ...]
    targets: tuple[_Set, ...]


def _plan(sets: Sequence[_Set], common: Cell) -> Iterator[_Plan]:
    for each in sets:
        yield _Plan(each.name, Choice.OWN, best_cell(each.grid), (each,), tuple(sets))
    for each in sets:
        yield _Plan(each.name, Choice.COMMON, common, (each,), tuple(sets))
    if len(sets) > 2:
        for left_out in sets:
            others = tuple(each for each in sets if each is not left_out)
            # The cell too is chosen without the set that it is tested on.
            yield _Plan(OTHERS, Choice.COMMON, _common_cell([each.grid for each in others]), others, (left_out,))


def _trained(plan: _Plan) -> tuple[_Source, tuple[_Set, ...]]:
    reads = [each.training(plan.cell) for each in plan.sources]
    read = pool_states(reads) if len(reads) > 1 else reads[0]
    fitted = fit_cell_probe(read, grid_settings().cs)
    seen = frozenset(group for each in reads for group in each.group)
    threshold = best_threshold(fitted.out_of_fold, read.y)
    return _Source(plan.name, plan.choice, plan.cell, fitted, threshold, seen), plan.targets


def _tested(source: _Source, target: _Set) -> TransferScore | None:
    """Score a target's test answers; those whose question the source has seen are left out."""
    read = target.testing(source.cell)
    fresh = np.array([group not in source.seen for group in read.group], dtype=bool)
    y = read.y[fresh]
    if not len(y) or y.all() or not y.any():
        return None
    scores = source.fitted.probe.score(read.states.double().numpy()[fresh])
    free = np.array([target.free_scores[i] for i, kept in zip(read.ids, fresh, strict=True) if kept])
    mistaken = (scores >= source.threshold) != y
    groups = [group for group, kept in zip(read.group, fresh, strict=True) if kept]
    return TransferScore(
        choice=source.choice,
        source=source.name,
        target=target.name,
        layer=source.cell.layer,
        position=source.cell.position,
        n=len(y),
        excluded=int((~fresh).sum()),
        auc=auc_estimate(scores, y, groups),
        minus_log_prob=None if np.isnan(free).any() else auc_gain(scores, free, y, groups),
        error=share_of(mistaken, groups),
        blind_error=min(float(y.mean()), 1 - float(y.mean())),
    )


def _described(each: _Set) -> TransferSet:
    best, test = best_cell(each.grid), each.labels.of(test=True)
    free = np.array([each.free_scores[i] for i in test.ids])
    return TransferSet(
        name=each.name,
        trained=len(each.labels.ids) - len(test.ids),
        tested=len(test.ids),
        right=float(test.y.mean()),
        layer=best.layer,
        position=best.position,
        log_prob=None if np.isnan(free).any() else auc_estimate(free, test.y, test.group),
        free_score=each.free_score,
    )


def _common_cell(grids: Sequence[Grid]) -> Cell:
    """Choose the cell with the highest mean cross-validated AUC, of those that half of each set's answers have."""
    wide = np.logical_and.reduce([grid.n * 2 >= grid.n.max() for grid in grids])
    auc = np.mean([grid.auc for grid in grids], axis=0)
    layer, column = np.unravel_index(int(np.argmax(np.where(wide & np.isfinite(auc), auc, -np.inf))), auc.shape)
    return grids[0].cell(int(layer), int(column))


def _checked(runs: Sequence[Run], site: Site) -> list[_Set]:
    """Name the runs' sets, after seeing that they can be compared."""
    if len(runs) < 2:
        raise UsageError(f"transfer needs two runs or more, got {len(runs)}")
    first = runs[0]
    for run in runs[1:]:
        for what in _SAME:
            here, there = _identity(first)[what], _identity(run)[what]
            if here != there:
                raise RunFolderError(
                    f"transfer needs runs of one model: {first.address} was made with {first.summary.model} and "
                    f"{run.address} with {run.summary.model} ({what} {here[:12]} and {there[:12]})"
                )
    opened = [RunData.load(run) for run in runs]
    for data in opened:
        sites = data.states.layout()
        if site not in sites:
            raise RunFolderError(
                f"{data.run.address} has no states of site {site}, it has {', '.join(map(str, sites))}; choose one "
                "that all runs have (--site), or run the study again with it"
            )
    names = [run.summary.questions for run in runs]
    if len(set(names)) < len(names):
        names = [run.name for run in runs]
    if len(set(names)) < len(names):
        names = [run.address for run in runs]
    if len(set(names)) < len(names):
        raise UsageError("the same run is named twice; name each run once")
    maps = [data.grid(site).positions for data in opened]
    shared = tuple(position for position in maps[0] if all(position in each for each in maps))
    if not shared:
        raise RunFolderError(
            f"the maps of {', '.join(run.address for run in runs)} have no position in common; run the studies again "
            "with the same --positions"
        )
    return [_Set(name, data, site, shared) for name, data in zip(names, opened, strict=True)]


def _identity(run: Run) -> Mapping[str, str]:
    known = run.settings.get("model_identity") or {}
    return {what: str(known.get(what, "unknown")) for what in _SAME}


def _write(out: AnyPath, result: Transfer, runs: Sequence[Run]) -> None:
    write_analysis(out, NAME, result, transfer_table(result), transfer_figure(result), runs)
