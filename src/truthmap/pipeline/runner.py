"""Making a run: the stages in order, each skipped where its result is up to date."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from truthmap.errors import NotEnoughDataError
from truthmap.execution.active_run import ActiveRun, require_identity
from truthmap.execution.capturing import require_capturer
from truthmap.execution.interrupts import Stop
from truthmap.execution.peak_memory import forget_peak, peak_bytes
from truthmap.execution.preview import FIRST, MapPreview
from truthmap.pipeline.kept_answers import keep_answers
from truthmap.pipeline.stages.answers import answer_questions
from truthmap.pipeline.stages.base import StageResult
from truthmap.pipeline.stages.figures import draw_figures
from truthmap.pipeline.stages.grades import grade_answers
from truthmap.pipeline.stages.grid import fit_map
from truthmap.pipeline.stages.questions import write_questions
from truthmap.pipeline.stages.report import write_report_stage
from truthmap.pipeline.stages.second_grades import grade_again
from truthmap.pipeline.stages.states import capture_missing_states
from truthmap.pipeline.up_to_date import bring_up_to_date, is_up_to_date
from truthmap.pipeline.without_map import end_without_map
from truthmap.questions.groups import group_questions
from truthmap.questions.tasks import Task
from truthmap.records import Split, SplitAssignment
from truthmap.runs.file_names import HEATMAP_PREVIEW, SCRATCH, SPLITS
from truthmap.runs.folder import FORMAT, RunFolder
from truthmap.runs.run import Run
from truthmap.runs.tables import read_records
from truthmap.study.stage_settings import load_question_set
from truthmap.study.study import Study, kept_settings
from truthmap.terminal.progress import Progress

_STAGES: Mapping[str, Callable[[ActiveRun], StageResult]] = {
    "questions": lambda run: write_questions(run.folder, run.question_set, run.study),
    "answers": answer_questions,
    "grades": grade_answers,
    "states": capture_missing_states,
    "grid": fit_map,
    "second_grades": grade_again,
    "figures": lambda run: draw_figures(run.folder),
    "report": lambda run: write_report_stage(run.folder, run.progress),
}
"""What makes each stage, by its name in the ledger; only those that need a model are handed all that is open."""

_MAP = "grid"
_NEEDS_MODEL = ("answers", "states")
_VERSIONS = ("truthmap", "torch", "transformers", "numpy", "scikit-learn", "tokenizers", "safetensors")


def run_study(study: Study, *, update: bool = False, progress: Progress | None = None) -> Run:
    """Make the run of a study, or go on where it stopped; a finished run is left as it is.

    Args:
        study: What is asked of which model, and how.
        update: The run folder may have been made with other settings: redo what depends on the changed ones.
        progress: Who shows the stages; nobody by default. `truthmap.Bars()` draws bars.

    Raises:
        TruthmapError: any of its kinds, with what to do; finished work is kept.
    """
    return bring_up_to_date(study, make_stages, update=update, progress=progress)


def make_stages(
    study: Study, folder: RunFolder, keys: Mapping[str, str], unfinished: Sequence[str], progress: Progress
) -> None:
    """Make what a run lacks: the stages in order, each skipped where it is up to date."""
    stop = Stop()
    with stop.listening(progress.say):
        # Faults in questions and model, and a store that cannot be read or reached, are found before anything is
        # written.
        run = ActiveRun(study, folder, keys, load_question_set(study, progress.say), progress, stop)
        with closing(run):
            _begin(run, unfinished)
            _make_stages(_with_preview(run))


def _begin(run: ActiveRun, unfinished: Sequence[str]) -> None:
    """Write down what the run is made of, once everything that it needs is there."""
    _store = run.store
    if "answers" in unfinished:
        run.study.answers.engine.note()
    if "states" in unfinished:
        require_capturer(run.study)
    identity = _identity(run) if any(stage in unfinished for stage in _NEEDS_MODEL) else None
    known = run.folder.settings() or {}
    keep_answers(run, identity, known.get("model_identity"))
    run.folder.write_settings(
        {
            "format": FORMAT,
            "settings": kept_settings(run.study),
            "keys": dict(run.keys),
            "model_identity": identity or known.get("model_identity"),
            "questions": {"name": run.question_set.name, "digest": run.question_set.digest, **_given_task(run)},
            "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}},
            "states_at": run.study.resources.states_at,
            "command": " ".join(["truthmap", *sys.argv[1:]]) if Path(sys.argv[0]).name == "truthmap" else None,
        }
    )


def _given_task(run: ActiveRun) -> dict[str, Any]:
    """Return how questions are asked that a program gave: nothing else says it to who goes on from the folder."""
    return (
        {}
        if run.study.questions.digest is None
        else {"task": TypeAdapter(Task).dump_python(run.question_set.task, mode="json")}
    )


def _with_preview(run: ActiveRun) -> ActiveRun:
    """Let a run show a first look at its map on the way, where it asks many questions on this machine."""
    resources, questions = run.study.resources, run.question_set.questions
    if resources.no_preview or resources.cluster is not None or len(questions) <= FIRST:
        return run

    def read_groups() -> dict[str, str]:
        splits = {each.question_id: each.split for each in read_records(run.folder / SPLITS, SplitAssignment)}
        groups = group_questions(questions).of
        return {i: ":".join(group) for i, group in groups.items() if splits[i] is not Split.TEST}

    run.preview = MapPreview(run.folder, read_groups, len(questions), run.progress.say)
    return run


def _make_stages(run: ActiveRun) -> None:
    for name, make in _STAGES.items():
        # Asked anew for each: a stage that comes out differently takes those behind it out of the ledger.
        if is_up_to_date(run.folder, name, run.keys, run.states_at, run.store):
            continue
        run.stop.check()
        started = time.perf_counter()
        forget_peak()
        try:
            made = make(run)
        except NotEnoughDataError as error:
            run.folder.remove(HEATMAP_PREVIEW)
            raise end_without_map(run, error) if name == _MAP else error from error
        note = {**made.note, "peak_bytes": peak_bytes()}
        run.folder.finish(name, run.keys[name], made.files, time.perf_counter() - started, note)
        for scratch in made.scratch:
            run.folder.remove(scratch)
    for scratch in (*SCRATCH, HEATMAP_PREVIEW):
        # A kill right after a stage was written down has left it.
        run.folder.remove(scratch)


def _identity(run: ActiveRun) -> dict[str, str]:
    """Return the model's identity, after seeing that it is the one that the folder's answers came from.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    known = (run.folder.settings() or {}).get("model_identity")
    identity = run.executor.identity()
    answers = run.folder.entry("answers")
    if known and answers and answers.key == run.keys["answers"]:
        require_identity(run.folder.address, known, identity)
    return identity
