"""From a run to a sealed detector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from truthmap._version import __version__
from truthmap.detector.artifact import Artifact, TrainingRecord, save_artifact
from truthmap.detector.config import (
    FORMAT,
    LABEL,
    AskingConfig,
    CellAt,
    DetectorConfig,
    ModelConfig,
    Role,
    TrainingConfig,
)
from truthmap.detector.figures import draw_reliability, draw_risk_coverage
from truthmap.detector.fit_head import HeadData, SealSettings, fit_head
from truthmap.detector.heads import Head
from truthmap.errors import NotEnoughDataError, RunFolderError, UsageError
from truthmap.execution.active_run import Work
from truthmap.execution.helping import SAME
from truthmap.figures.canvas import figure_of, save_figure
from truthmap.files import file_digest
from truthmap.grading.grade import needs_locator
from truthmap.pipeline.stages.questions import load_question_set
from truthmap.probes.grid import Cell, Grid
from truthmap.records import POSITIONS, Answer, Outcome, Position, Site
from truthmap.runs.data import RunData
from truthmap.runs.folder import RunFolder
from truthmap.runs.remote import syncing
from truthmap.runs.run import Run
from truthmap.study.stage_keys import stage_keys
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress, Silence

if TYPE_CHECKING:
    from truthmap.questions.question_set import QuestionSet

_NEARLY_ALL = 0.95
_EVERYWHERE = (Position.FIRST_ANSWER, Position.MINUS_1)
"""Positions of the answer that every answer has."""


@dataclass(frozen=True)
class DetectorSettings:
    """How a detector is made from a run.

    Attributes:
        seal: What it is to promise.
        cells: Where it reads; `None`: the best cell of the run's map, or the several that the run found to beat it.
        keep_records: Seal the training questions too, so that the most similar ones can be shown.
    """

    seal: SealSettings = field(default_factory=SealSettings)
    cells: tuple[Cell, ...] | None = None
    keep_records: bool = True


def seal_detector(
    run: Run, out: Path, settings: DetectorSettings | None = None, progress: Progress | None = None
) -> Artifact:
    """Make a detector from a finished run and write it, with its figures, to the folder `out`.

    Raises:
        RunFolderError: the question set is not the one of the run any more, or `out` holds something else.
        NotEnoughDataError: too few right or wrong answers have the cell.
        UsageError: there is no such cell.
    """
    settings = settings or DetectorSettings()
    source = _Source(run)
    roles = _cells_by_role(source, settings)
    heads: dict[Role, Head] = {}
    with (progress or Silence()).stage("Sealing the detector", len(roles)) as advance:
        for done, (role, cells) in enumerate(roles.items(), 1):
            heads[role] = fit_head(_head_data(source, role, cells), settings.seal)
            advance(done)
    artifact = Artifact(_config(source, roles[Role.ANSWER][0].site, heads), heads, _records(source, settings))
    with syncing(out):
        sealed = save_artifact(artifact, out)
        _draw(sealed, out)
    return sealed


@dataclass(frozen=True)
class _Source:
    """What a run gives a detector, read once."""

    run: Run

    @cached_property
    def data(self) -> RunData:
        """The run's records."""
        return RunData.load(self.run)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The study's settings."""
        return dict(self.run.settings["settings"])

    @cached_property
    def question_set(self) -> QuestionSet:
        """The question set, which knows how its questions are asked and graded.

        Raises:
            RunFolderError: it is not the one of the run any more.
        """
        study = Study.of({**self.settings, "out": self.run.path})
        found = load_question_set(Work(study, RunFolder(self.run.path), stage_keys(study), Silence()))
        if found.digest != self.run.settings["questions"]["digest"]:
            raise RunFolderError(
                f"the question set {study.questions} has changed since {self.run.path} was made: "
                "start the same `truthmap run --update` again, then make the detector"
            )
        return found

    def grid(self, site: Site) -> Grid:
        """Return the grid of a site.

        Raises:
            UsageError: the run did not read it.
        """
        sites = [Site(site) for site in self.settings["sites"]]
        if site not in sites:
            raise UsageError(f"the run read the sites {', '.join(sites)}, not {site}")
        return self.data.grid(site)


def _cells_by_role(source: _Source, settings: DetectorSettings) -> dict[Role, tuple[Cell, ...]]:
    chosen = settings.cells or _chosen_by_run(source.data)
    grid = source.grid(chosen[0].site)
    n_layers = len(grid.auc)
    for cell in chosen:
        if cell.site is not chosen[0].site:
            raise UsageError(f"a detector reads one site, but {chosen[0].site} and {cell.site} were given")
        if not 0 <= cell.layer < n_layers:
            raise UsageError(f"there is no layer {cell.layer}: the model has the layers 0 to {n_layers - 1}")
        if not np.isfinite(grid.c[cell.layer, POSITIONS.index(cell.position)]):
            raise NotEnoughDataError(f"the cell layer {cell.layer}, {cell.position} has too few answers for a probe")
    roles = {Role.ANSWER: chosen}
    if not all(cell.position in _EVERYWHERE for cell in chosen):
        roles[Role.FALLBACK] = (_best_of(grid, _EVERYWHERE),)
    roles[Role.BEFORE] = (_best_of(grid, (Position.LAST_Q,)),)
    return roles


def _chosen_by_run(data: RunData) -> tuple[Cell, ...]:
    """Return the run's best cell, or the stack that beats it where nearly all answers have all of its cells."""
    summary = data.summary
    best = Cell(summary.site, summary.layer, summary.position)
    if summary.several is None or not summary.several.chosen:
        return (best,)
    several = tuple(Cell(summary.site, layer, position) for layer, position in summary.several.cells)
    n = data.grid().n
    fewest = min(int(n[cell.layer, POSITIONS.index(cell.position)]) for cell in several)
    wide = fewest >= _NEARLY_ALL * n[best.layer, POSITIONS.index(best.position)]
    return several if wide else (best,)


def _best_of(grid: Grid, positions: Sequence[Position]) -> Cell:
    """Return the cell with the highest cross-validated AUC among these positions."""
    columns = [POSITIONS.index(position) for position in positions]
    auc = np.where(np.isfinite(grid.auc[:, columns]), grid.auc[:, columns], -np.inf)
    layer, place = np.unravel_index(int(np.argmax(auc)), auc.shape)
    return Cell(grid.site, int(layer), positions[int(place)])


def _head_data(source: _Source, role: Role, cells: tuple[Cell, ...]) -> HeadData:
    """Read the states of the answers that have all of a head's cells."""
    labels, store, grid = source.data.labels, source.data.states, source.grid(cells[0].site)
    columns = [POSITIONS.index(cell.position) for cell in cells]
    layers = {layer: store.read_layer(cells[0].site, layer, labels.ids) for layer in {cell.layer for cell in cells}}
    present = [layers[cell.layer].present[column] for cell, column in zip(cells, columns, strict=True)]
    here = np.flatnonzero(np.all(present, axis=0))
    states = [
        layers[cell.layer].states[column][here].float().numpy() for cell, column in zip(cells, columns, strict=True)
    ]
    known = {i: n for n, i in enumerate(labels.of(test=False).ids)}
    return HeadData(
        role=role,
        cells=tuple(
            CellAt(layer=cell.layer, position=cell.position, C=float(grid.c[cell.layer, column]))
            for cell, column in zip(cells, columns, strict=True)
        ),
        states=np.stack(states, axis=1),
        right=labels.y[here],
        fold=labels.fold[here],
        group=tuple(labels.group[n] for n in here),
        rows=np.array([known.get(labels.ids[n], -1) for n in here], dtype=np.int64),
    )


def _config(source: _Source, site: Site, heads: dict[Role, Head]) -> DetectorConfig:
    task, settings, run = source.question_set.task, source.settings, source.run
    n_layers, width = source.data.states.layout()[site]
    shared = {question.candidates for question in source.data.questions}
    summary = run.summary
    return DetectorConfig(
        format=FORMAT,
        truthmap=__version__,
        label=LABEL,
        model=ModelConfig(
            identity=run.settings["model_identity"],
            blocks=settings["blocks"],
            quantization=settings["quantization"],
            n_layers=n_layers,
            width=width,
        ),
        site=site,
        asking=AskingConfig(
            task=task,
            locator=_locator(source),
            candidates=shared.pop() if len(shared) == 1 else None,
            max_new_tokens=settings["max_new_tokens"] or task.max_new_tokens,
            closing_id=_closing_id(source.data.answers),
        ),
        training=TrainingConfig(
            questions=source.question_set.name,
            questions_digest=source.question_set.digest,
            answers_digest=file_digest(run.path / "answers.parquet"),
            right=summary.right,
            wrong=summary.wrong,
            unscored=summary.unscored,
            found_right=summary.found_right,
            found_wrong=summary.found_wrong,
        ),
        heads=tuple(head.config for head in heads.values()),
        files={},
    )


def _locator(source: _Source) -> str | None:
    """Name the model that finds exact answers, where the task asks for one."""
    if not needs_locator(source.question_set.task):
        return None
    named = source.settings.get("locator") or SAME
    return SAME if named == source.settings["model"] else str(named)


def _closing_id(answers: Sequence[Answer]) -> int | None:
    """Return the token that closes most generated answers, or `None` where none was generated or closed."""
    closing = Counter(a.answer_ids[-1] for a in answers if a.finished and a.log_probs)
    return closing.most_common(1)[0][0] if closing else None


def _records(source: _Source, settings: DetectorSettings) -> tuple[TrainingRecord, ...]:
    if not settings.keep_records:
        return ()
    text = {question.id: question.text for question in source.data.questions}
    grade = {g.question_id: g for g in source.data.grades if g.outcome is not Outcome.UNSCORED}
    return tuple(
        TrainingRecord(question=text[i], exact_answer=grade[i].exact_answer, right=grade[i].outcome is Outcome.RIGHT)
        for i in source.data.labels.of(test=False).ids
    )


def _draw(artifact: Artifact, out: Path) -> None:
    head = artifact.heads[Role.ANSWER].config
    for name, axes in (("risk_coverage", draw_risk_coverage(head)), ("reliability", draw_reliability(head))):
        for kind in ("png", "svg"):
            save_figure(figure_of(axes), out / f"{name}.{kind}")
