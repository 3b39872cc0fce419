"""Carrying a study out: the stages in order, each skipped where its result already stands."""

from __future__ import annotations

import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.execution.interrupts import Stop
from truthmap.execution.models import engine_note
from truthmap.execution.peak_memory import forget_peak, peak_bytes
from truthmap.records import Question
from truthmap.runs.folder import RunFolder
from truthmap.runs.remote import remove_folder
from truthmap.runs.run import Run
from truthmap.study.stage_keys import STAGES, stage_keys
from truthmap.study.study import OF_THE_ENGINE, Study
from truthmap.terminal.progress import Progress, Silence

if TYPE_CHECKING:
    from truthmap.answers.engines.base import Engine
    from truthmap.answers.prompt import Prompt
    from truthmap.execution.executor import Executor
    from truthmap.execution.models import ModelKeeper
    from truthmap.grading.text_model import Graders
    from truthmap.lm.model import LanguageModel
    from truthmap.lm.prefix import PrefixCache
    from truthmap.questions.question_set import QuestionSet
    from truthmap.store.states import StateStore

_SCRATCH = ("parts", "grade-parts")
_NEEDS_MODEL = ("answers", "states")
_VERSIONS = ("truthmap", "torch", "transformers", "numpy", "scikit-learn", "tokenizers", "safetensors")


@dataclass(frozen=True)
class Made:
    """What a stage leaves in the run folder: its files, small results that are plain data, and folders to remove."""

    files: Sequence[str]
    note: Mapping[str, Any] = field(default_factory=dict)
    scratch: Sequence[str] = ()


@dataclass
class Work:
    """What the stages of one run share."""

    study: Study
    folder: RunFolder
    keys: Mapping[str, str]
    progress: Progress
    stop: Stop = field(default_factory=Stop)

    def path(self, name: str) -> Path:
        """Return the path of a file of the run."""
        return self.folder.path / name

    @cached_property
    def question_set(self) -> QuestionSet:
        """The questions and how they are asked and graded."""
        from truthmap.pipeline.stages.questions import load_question_set

        return load_question_set(self)

    @cached_property
    def questions_by_id(self) -> Mapping[str, Question]:
        """The questions by their ids."""
        return {question.id: question for question in self.question_set.questions}

    @cached_property
    def graders(self) -> Graders:
        """The models that judge and locate, where the task needs any."""
        from truthmap.execution.graders import open_graders

        return open_graders(self.study, self.question_set.task, lambda: self.model, self.progress)

    def prompt_ids(self, question: Question) -> tuple[int, ...]:
        """Return the whole prompt that asks a question."""
        task = self.question_set.task
        return self.tokens.prompt_ids(task.chat(question), task.plain(question))

    def prompt(self, question: Question, sample: int = 0) -> Prompt:
        """Return the prompt that asks a question for its answer with this number."""
        from truthmap.answers.prompt import Prompt

        task = self.question_set.task
        text = task.chat(question) if self.tokens.asks_in_chat else task.plain(question)
        return Prompt(question.id, self.prompt_ids(question), sample, text)

    @property
    def states_at(self) -> Path | str:
        """Where the run's hidden states are."""
        # A worker on another machine knows the study, but need not see the run folder.
        return self.study.states_at or self.folder.own_states

    @cached_property
    def store(self) -> StateStore:
        """The run's hidden states."""
        from truthmap.store.states import StateStore

        return StateStore(self.states_at)

    @cached_property
    def executor(self) -> Executor:
        """Who does the shards."""
        from truthmap.execution.ray import RayCluster
        from truthmap.execution.this_machine import ThisMachine

        return ThisMachine(self) if self.study.cluster is None else RayCluster(self)

    @cached_property
    def keeper(self) -> ModelKeeper:
        """Who holds the model, or the engine that has it."""
        from truthmap.execution.models import ModelKeeper

        return ModelKeeper(self)

    @property
    def model(self) -> LanguageModel:
        """The model, loaded when a stage first needs it."""
        return self.keeper.model()

    @property
    def prefixes(self) -> PrefixCache:
        """What the prompts of the model share, computed once for all who run it."""
        return self.keeper.prefixes()

    @property
    def tokens(self) -> LanguageModel:
        """The model as far as prompts and tokens go; its weights may be elsewhere."""
        return self.keeper.tokens()

    @property
    def engine(self) -> Engine:
        """What answers the questions."""
        return self.keeper.engine()


def carry_out(study: Study, *, update: bool, progress: Progress | None) -> Run:
    """Make the run of a study: see `Study.run`."""
    folder = RunFolder(study.out)
    existed = study.out.exists()
    with folder.held((progress or Silence()).say):
        try:
            _refuse_other_settings(folder, study, update=update)
            work = Work(study, folder, stage_keys(study), progress or Silence())
            unfinished = [stage for stage in STAGES if not stands(work, stage)]
            if unfinished:
                with work.stop.listening(work.progress.say), closing(work.keeper), closing(work.executor):
                    _make(work, unfinished)
            else:
                work.progress.say(f"nothing to do: {study.out} is finished")
        except BaseException:
            # A run that never began leaves no folder behind, so that the corrected command finds none in its way.
            if not existed and not (study.out / "study.yaml").exists():
                shutil.rmtree(study.out, ignore_errors=True)
            raise
    return Run(study.out)


def _make(work: Work, unfinished: Sequence[str]) -> None:
    # Faults in questions and model, and a store that cannot be read or reached, are found before anything is written.
    question_set, _store = work.question_set, work.store
    if "answers" in unfinished:
        engine_note(work.study)
    identity = _identity(work) if any(stage in unfinished for stage in _NEEDS_MODEL) else None
    known = work.folder.settings() or {}
    work.folder.write_settings(
        {
            "settings": work.study.kept_settings(),
            "model_identity": identity or known.get("model_identity"),
            "questions": {"name": question_set.name, "digest": question_set.digest},
            "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}},
            "states_at": work.study.states_at,
            "command": " ".join(["truthmap", *sys.argv[1:]]) if Path(sys.argv[0]).name == "truthmap" else None,
        }
    )
    for name in STAGES:
        # Asked anew for each: a stage that comes out differently takes those behind it out of the ledger.
        if stands(work, name):
            continue
        work.stop.check()
        started = time.perf_counter()
        forget_peak()
        made = _stage(name)(work)
        note = {**made.note, "peak_bytes": peak_bytes()}
        work.folder.finish(name, work.keys[name], made.files, time.perf_counter() - started, note)
        for folder in made.scratch:
            remove_folder(work.path(folder))
    for folder in _SCRATCH:
        # A kill right after a stage was written down has left it.
        remove_folder(work.path(folder))


def stands(work: Work, stage: str) -> bool:
    """Tell whether a stage is finished, from what its key stands for, and its files are still what it wrote.

    The states are many times larger than all other files together: here their sizes are looked at; their bytes are
    checked when they are read, and by `verify_run`.
    """
    if not work.folder.is_finished(stage, work.keys[stage]):
        return False
    if stage != "states":
        return True
    entry = work.folder.entry(stage)
    return entry is not None and entry.note.get("index") == work.store.digest and not work.store.misplaced()


def _stage(name: str) -> Callable[[Work], Made]:
    from truthmap.pipeline.stages import answers as answering
    from truthmap.pipeline.stages import figures as drawing
    from truthmap.pipeline.stages import grades
    from truthmap.pipeline.stages import grid as mapping
    from truthmap.pipeline.stages import questions as asking
    from truthmap.pipeline.stages import states as capturing
    from truthmap.report import build as reporting

    stages: dict[str, Callable[[Work], Made]] = {
        "questions": asking.write_questions,
        "answers": answering.answer_questions,
        "grades": grades.grade_answers,
        "states": capturing.capture_missing_states,
        "grid": mapping.fit_map,
        "figures": drawing.draw_figures,
        "report": reporting.write_report_stage,
    }
    return stages[name]


def _refuse_other_settings(folder: RunFolder, study: Study, *, update: bool) -> None:
    """Refuse a folder made with other settings, unless `update`."""
    try:
        known = folder.settings()
    except DamagedFileError:
        if not update:
            raise
        folder.write_settings({"settings": study.kept_settings()})
        return
    if known is None or update:
        return
    # A setting that the run's version did not have yet was as it is by default.
    default, now = Study(model=study.model, out=study.out).kept_settings(), study.kept_settings()
    before = {**default, **known["settings"]}
    different = [
        f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
        for name in sorted({*before, *now} - OF_THE_ENGINE)
        if before.get(name) != now.get(name)
    ]
    if different:
        raise RunFolderError(
            f"{folder.path} was made with other settings ({'; '.join(different)}): "
            "choose another --out, or add --update to redo what depends on them"
        )


def _identity(work: Work) -> dict[str, str]:
    """Return the model's identity, after seeing that it is the one that the folder's answers came from.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    known = (work.folder.settings() or {}).get("model_identity")
    identity = work.executor.identity()
    answers = work.folder.entry("answers")
    if known and answers and answers.key == work.keys["answers"]:
        different = [f"{n} was {known.get(n)}, is {value}" for n, value in identity.items() if known.get(n) != value]
        if different:
            raise RunFolderError(
                f"the model is not the one that {work.folder.path} was made with ({'; '.join(different)}): "
                "choose another --out"
            )
    return identity
