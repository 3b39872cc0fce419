"""Making a run: the stages in order, each skipped where its result is up to date."""

from __future__ import annotations

import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from truthmap.errors import DamagedFileError, NotEnoughDataError, RunFolderError, UsageError
from truthmap.execution.active_run import ActiveRun, require_identity
from truthmap.execution.interrupts import Stop
from truthmap.execution.peak_memory import forget_peak, peak_bytes
from truthmap.files import AnyPath, storage_errors
from truthmap.pipeline.kept_answers import KEPT, keep_answers
from truthmap.pipeline.stages.answers import answer_questions
from truthmap.pipeline.stages.base import StageResult
from truthmap.pipeline.stages.figures import draw_figures
from truthmap.pipeline.stages.grades import grade_answers
from truthmap.pipeline.stages.grid import fit_map
from truthmap.pipeline.stages.questions import write_questions
from truthmap.pipeline.stages.report import write_report_stage
from truthmap.pipeline.stages.second_grades import grade_again
from truthmap.pipeline.stages.states import capture_missing_states
from truthmap.pipeline.without_map import end_without_map
from truthmap.questions.tasks import Task
from truthmap.runs.file_names import STUDY
from truthmap.runs.folder import FORMAT, RunFolder, run_folder
from truthmap.runs.ledger import STAGES
from truthmap.runs.run import Run
from truthmap.settings_base import Resource, marker
from truthmap.store.index import ForeignFormatError, is_index_lost, rebuild_index
from truthmap.store.states import StateStore
from truthmap.study.stage_keys import stage_keys
from truthmap.study.stage_settings import load_question_set
from truthmap.study.study import Study, kept_leaves, kept_settings, value_of
from truthmap.terminal.progress import Progress, Silence

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
_SCRATCH = ("parts", "grade-parts", KEPT)
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
    progress = progress or Silence()
    folder = run_folder(study.out)
    with storage_errors(folder.root):
        existed = folder.path.exists()
    with folder.held(progress.say):
        try:
            _refuse_other_settings(folder, study, update=update)
            _make(study, folder, progress)
        except BaseException:
            # A run that never began leaves no folder behind, so that the corrected command finds none in its way.
            if not existed and not (folder.path / STUDY).exists():
                shutil.rmtree(folder.path, ignore_errors=True)
            raise
    return Run(folder)


def _make(study: Study, folder: RunFolder, progress: Progress) -> None:
    keys = stage_keys(study)
    for fault in folder.drop_damaged_entries():
        progress.say(fault)
    states_at = study.resources.states_at or folder.own_states
    mend_index(states_at, progress.say)
    unfinished = [stage for stage in STAGES if not is_up_to_date(folder, stage, keys, states_at)]
    if not unfinished:
        progress.say(f"nothing to do: {folder.address} is finished")
        return
    stop = Stop()
    with stop.listening(progress.say):
        # Faults in questions and model, and a store that cannot be read or reached, are found before anything is
        # written.
        run = ActiveRun(study, folder, keys, load_question_set(study, progress.say), progress, stop)
        with closing(run):
            _begin(run, unfinished)
            _make_stages(run)


def mend_index(states_at: AnyPath | str, say: Callable[[str], None]) -> None:
    """Make an index of the states that is lost or not as it was written anew, from the states' files that are whole.

    Raises:
        DamagedFileError: the index is of a format that this version does not read, or a link leads out of the folder.
    """
    try:
        if not is_index_lost(states_at):
            StateStore(states_at)
            return
        say(f"{states_at} has states and no index; reading them to make it anew")
    except ForeignFormatError:
        raise
    except DamagedFileError as error:
        say(f"{error}; reading the states to make it anew")
    rebuild_index(states_at)


def _begin(run: ActiveRun, unfinished: Sequence[str]) -> None:
    """Write down what the run is made of, once everything that it needs is there."""
    _store = run.store
    if "answers" in unfinished:
        run.study.answers.engine.note()
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
            raise end_without_map(run, error) if name == _MAP else error from error
        note = {**made.note, "peak_bytes": peak_bytes()}
        run.folder.finish(name, run.keys[name], made.files, time.perf_counter() - started, note)
        for scratch in made.scratch:
            run.folder.remove(scratch)
    for scratch in _SCRATCH:
        # A kill right after a stage was written down has left it.
        run.folder.remove(scratch)


def is_up_to_date(
    folder: RunFolder, stage: str, keys: Mapping[str, str], states_at: AnyPath | str, store: StateStore | None = None
) -> bool:
    """Tell whether a stage is finished, from what its key stands for, and its files are still what it wrote.

    The states are many times larger than all other files together: here their sizes are looked at; their bytes are
    checked when they are read, and by `verify_run`.

    Args:
        folder: The run's folder.
        stage: The stage's name.
        keys: The keys of all stages.
        states_at: Where the states are.
        store: The store there, if it is open.
    """
    if not folder.is_finished(stage, keys[stage]):
        return False
    if stage != "states":
        return True
    entry, store = folder.entry(stage), store or StateStore(states_at)
    return entry is not None and entry.note.get("index") == store.digest and not store.misplaced()


def _refuse_other_settings(folder: RunFolder, study: Study, *, update: bool) -> None:
    """Refuse a folder made with other settings, unless `update`."""
    try:
        known = folder.settings()
    except DamagedFileError:
        if not update:
            raise
        folder.write_settings({"format": FORMAT, "settings": kept_settings(study), "keys": stage_keys(study)})
        return
    if known is None or update:
        return
    if known.get("format") != FORMAT:
        raise RunFolderError(
            f"{folder.address} was made by a version of truthmap that wrote other files: choose another --out, or add "
            "--update to make it anew"
        )
    different = _differences(_known_study(folder, known["settings"]), study)
    if different:
        raise RunFolderError(
            f"{folder.address} was made with other settings ({'; '.join(different)}): "
            "choose another --out, or add --update to redo what depends on them"
        )


def _known_study(folder: RunFolder, settings: Mapping[str, Any]) -> Study:
    """Return the study that a folder was made with; a setting that its version did not have yet is as by default."""
    try:
        return Study(**settings)
    except UsageError as error:
        raise RunFolderError(
            f"{folder.address} was made with settings that this version does not know ({error}): choose another --out, "
            "or add --update to make it anew"
        ) from error


def _differences(before: Study, now: Study) -> list[str]:
    """Say which settings differ; those that say only where and how fast are left out."""
    leaves = {leaf.name: leaf for study in (before, now) for leaf in kept_leaves(study)}
    values = {
        name: (_told(value_of(before, leaf)), _told(value_of(now, leaf)))
        for name, leaf in sorted(leaves.items())
        if marker(leaf.field, Resource) is None
    }
    return [f"{name} was {old!r}, is {new!r}" for name, (old, new) in values.items() if old != new]


def _told(value: Any) -> Any:
    """Return a setting's value as the user writes it: an engine by its name."""
    plain = tuple(map(str, value)) if isinstance(value, tuple) else value
    return getattr(plain, "kind", str(plain) if isinstance(plain, (Path, Enum)) else plain)


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
