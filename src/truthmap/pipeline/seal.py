"""From a run to a sealed detector."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from truthmap._version import __version__
from truthmap.detector.acceptance import lacks_exact_answer
from truthmap.detector.artifact import FILES, Artifact, save_artifact
from truthmap.detector.choose_cells import cells_by_role, nearly_all_have
from truthmap.detector.config import (
    FORMAT,
    LABEL,
    AskingConfig,
    DetectorConfig,
    ModelConfig,
    Role,
    TrainingConfig,
)
from truthmap.detector.exit_guarantee import ExitConfig
from truthmap.detector.figures import draw_reliability, draw_risk_coverage
from truthmap.detector.fit_head import SealSettings, fit_head
from truthmap.detector.heads import Head
from truthmap.detector.training_data import (
    TrainingData,
    answer_source,
    closing_token,
    has_context,
    read_head_data,
    training_records,
    training_turns,
    ungraded_groups,
)
from truthmap.errors import RunFolderError, UsageError
from truthmap.figures.canvas import figure_of, save_figure
from truthmap.files import AnyPath, as_path, syncing
from truthmap.grading.kinds import needs_locator
from truthmap.grading.text_model import SAME
from truthmap.pipeline.kept_answers import LIMIT
from truthmap.pipeline.looks import count_look, look_at
from truthmap.pipeline.seal_exits import exit_config
from truthmap.probes.grid import Cell, Grid
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANSWERS, DETECTOR
from truthmap.runs.ledger import map_key
from truthmap.runs.run import Run
from truthmap.runs.summary import Summary
from truthmap.store.tensors import TensorReader
from truthmap.study.stage_settings import generate_settings, load_question_set, most_thinking
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress, Silence


@dataclass(frozen=True)
class DetectorSettings:
    """How a detector is made from a run.

    Attributes:
        seal: What it is to guarantee.
        cells: Where it reads; `None`: the best cell of the run's map, or the several that the run found to beat it.
        keep_records: Seal the training questions too, so that the most similar ones can be shown.
    """

    seal: SealSettings = field(default_factory=SealSettings)
    cells: tuple[Cell, ...] | None = None
    keep_records: bool = True


def seal_detector(
    run: Run, out: AnyPath | str, settings: DetectorSettings | None = None, progress: Progress | None = None
) -> Artifact:
    """Make a detector from a finished run and write it, with its figures, to the folder `out`.

    Raises:
        RunFolderError: the question set is not the one of the run any more, or `out` holds something else.
        NotEnoughDataError: too few right or wrong answers have the cell.
        UsageError: there is no such cell.
    """
    out, settings = as_path(out), settings or DetectorSettings()
    inputs = _read_run(run)
    site = settings.cells[0].site if settings.cells else run.summary.site
    grid = _grid(inputs, site)
    roles = cells_by_role(grid, settings.cells or chosen_cells(run.summary, grid))
    data = inputs.data
    training = TrainingData(
        data.labels, TensorReader(data.states), grid, ungraded_groups(data.questions, data.grades, data.splits)
    )
    progress = progress or Silence()
    heads = _fit_heads(inputs, training, roles, settings.seal, progress)
    answer = heads[Role.ANSWER].config
    dropped = inputs.study.states.drop_closing_token
    look = look_at(data.labels, site, answer.cells, answer.stack_c, settings.seal, drop_closing_token=dropped)
    looks = count_look(run.folder, look, progress)
    records = training_records(data.labels, data.questions, data.grades) if settings.keep_records else ()
    exits = exit_config(data, site, heads[Role.ANSWER], inputs.question_set.task, settings.seal)
    artifact = Artifact(_config(inputs, site, heads, looks, exits), heads, records)
    started, own = time.perf_counter(), _is_own(run, out)
    target = run.folder / DETECTOR if own else out
    with run.held(patient=True) if own else syncing(target):
        run.snapshot.require_unchanged()
        sealed = save_artifact(artifact, target)
        drawn = _draw(sealed, target)
        if own:
            files = [f"{DETECTOR}/{name}" for name in (*FILES, *drawn)]
            run.folder.finish(DETECTOR, map_key(run.snapshot.stages), files, time.perf_counter() - started, {})
    return sealed


def _is_own(run: Run, out: AnyPath) -> bool:
    """Tell whether a folder is the one of a run's own detector."""
    return Path(out).absolute() == (run.path / DETECTOR).absolute()


def _fit_heads(
    inputs: _RunInputs,
    training: TrainingData,
    roles: dict[Role, tuple[Cell, ...]],
    settings: SealSettings,
    progress: Progress,
) -> dict[Role, Head]:
    """Fit the heads in their order; the one that reads the prompt first, since it says which questions are too far."""
    data, summary, heads = inputs.data, inputs.run.summary, dict[Role, Head]()
    acceptable = np.ones(len(data.labels.y), dtype=bool)
    has_exact_answer = np.array(
        [
            not lacks_exact_answer(data.grade_of(row), roles[Role.ANSWER], summary.found_right)
            for row in data.labels.ids
        ],
        dtype=bool,
    )
    if Role.BEFORE not in roles:
        acceptable &= has_exact_answer
    with progress.stage("Sealing the detector", len(roles)) as advance:
        for done, role in enumerate(sorted(roles, key=lambda role: role is not Role.BEFORE), 1):
            stack_c = measured_stack_c(summary, roles[role])
            head_data = read_head_data(training, role, roles[role], stack_c, acceptable)
            fitted = fit_head(head_data, settings)
            heads[role] = fitted.head
            if role is Role.BEFORE:
                acceptable[head_data.all_answers.rows[fitted.flagged]] = False
                acceptable &= has_exact_answer
            advance(done)
    return {role: heads[role] for role in roles}


@dataclass(frozen=True)
class _RunInputs:
    """What a detector takes from a run."""

    run: Run
    study: Study
    question_set: QuestionSet
    data: RunData


def _read_run(run: Run) -> _RunInputs:
    study = Study(**run.settings["settings"], out=run.address)
    question_set = load_question_set(study, kept_in=run.folder)
    if question_set.digest != run.settings["questions"]["digest"]:
        raise RunFolderError(
            f"the question set {study.questions.name} has changed since {run.address} was made: "
            "start the same `truthmap run --update` again, then make the detector"
        )
    return _RunInputs(run, study, question_set, RunData.load(run))


def _grid(inputs: _RunInputs, site: Site) -> Grid:
    sites = inputs.study.states.sites
    if site not in sites:
        raise UsageError(f"the run read the sites {', '.join(sites)}, not {site}")
    return inputs.data.grid(site)


def chosen_cells(summary: Summary, grid: Grid) -> tuple[Cell, ...]:
    """Return a run's best cell, or the stack that beats it where nearly all answers have all of its cells."""
    best = Cell(summary.site, summary.layer, summary.position)
    if summary.stack is None or not summary.stack.chosen:
        return (best,)
    stack = tuple(Cell(summary.site, layer, position) for layer, position in summary.stack.cells)
    return stack if nearly_all_have(grid, stack, best) else (best,)


def measured_stack_c(summary: Summary, cells: tuple[Cell, ...]) -> float | None:
    """Return the C with which a run measured a stack of these cells; `None` where it measured none."""
    if summary.stack is None:
        return None
    measured = tuple(Cell(summary.site, layer, position) for layer, position in summary.stack.cells)
    return summary.stack.C if measured == cells else None


def _config(
    inputs: _RunInputs, site: Site, heads: dict[Role, Head], looks: int, exits: ExitConfig | None
) -> DetectorConfig:
    run, study, task = inputs.run, inputs.study, inputs.question_set.task
    n_layers, width = inputs.data.states.layout()[site]
    shared_candidates = {question.candidates for question in inputs.data.questions}
    summary, answers = run.summary, run.snapshot.stages["answers"]
    return DetectorConfig(
        format=FORMAT,
        truthmap=__version__,
        label=LABEL,
        model=ModelConfig(
            identity=run.settings["model_identity"],
            blocks=study.states.blocks,
            quantization=study.model.quantization,
            adapter=study.model.adapter,
            date=study.model.date,
            thinking=study.answers.thinking,
            n_layers=n_layers,
            width=width,
        ),
        site=site,
        asking=AskingConfig(
            task=task,
            locator=_locator(inputs),
            candidates=shared_candidates.pop() if len(shared_candidates) == 1 else None,
            max_new_tokens=answers.note.get(LIMIT, generate_settings(study, task).max_new_tokens),
            max_thinking_tokens=most_thinking(study),
            closing_id=closing_token(inputs.data.answers),
            answers=answer_source(inputs.data.questions),
            turns=training_turns(inputs.data.questions),
            context=has_context(inputs.data.questions),
            drop_closing_token=study.states.drop_closing_token,
        ),
        training=TrainingConfig(
            questions=inputs.question_set.name,
            questions_digest=inputs.question_set.digest,
            answers_digest=answers.files[ANSWERS],
            right=summary.right,
            wrong=summary.wrong,
            unscored=summary.unscored,
            found_right=summary.found_right,
            found_wrong=summary.found_wrong,
            text_baseline=summary.text_baseline,
            looks=looks,
        ),
        heads=tuple(head.config for head in heads.values()),
        early_exit=exits,
        files={},
    )


def _locator(inputs: _RunInputs) -> str | None:
    """Name the model that finds exact answers, where the task asks for one."""
    if not needs_locator(inputs.question_set.task):
        return None
    named = inputs.study.grading.locator or SAME
    return SAME if named == inputs.study.model.name else named


def _draw(artifact: Artifact, out: AnyPath) -> list[str]:
    """Draw a detector's figures; return the names of their files."""
    head, names = artifact.heads[Role.ANSWER].config, []
    for name, axes in (("risk_coverage", draw_risk_coverage(head)), ("reliability", draw_reliability(head))):
        for kind in ("png", "svg"):
            names.append(f"{name}.{kind}")
            save_figure(figure_of(axes), out / names[-1])
    return names
