"""Going on from a finished run: with its very questions and, where it takes one, its very model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from truthmap.errors import RunFolderError
from truthmap.execution.active_run import Work
from truthmap.lm.model import LanguageModel
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import Run
from truthmap.study.resources import Where
from truthmap.study.stage_keys import stage_keys
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress, Silence


def reopened(run: Run, where: Where | None = None, progress: Progress | None = None) -> Work:
    """Return what the stages of a run share, to go on from it.

    Raises:
        RunFolderError: the answers in the folder are not those that its settings and questions would give today.
    """
    own = {"out": run.path, "states_at": run.settings.get("states_at")}
    chosen = asdict(where or Where())
    trusted = chosen.pop("trust_remote_code")
    study = Study.of({**run.settings["settings"], **own, **chosen})
    folder = RunFolder(run.path)
    # The keys are those of the run; whether code that came with its model runs is decided here and now.
    allowed = study.model_copy(update={"trust_remote_code": study.trust_remote_code and trusted})
    work = Work(allowed, folder, stage_keys(study), progress or Silence())
    answers = folder.entry("answers")
    if answers is None or answers.key != work.keys["answers"]:
        raise RunFolderError(
            f"the answers in {run.path} are not those of its settings: the questions' file has changed or another "
            "version of truthmap made them; run the same study again with --update"
        )
    return work


def model_of(run: Run, work: Work) -> LanguageModel:
    """Return the run's model, loaded here.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    _require_identity(run, work.model.identity())
    return work.model


def require_same_model(run: Run, work: Work) -> None:
    """See that whoever does the shards has the run's model.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    _require_identity(run, work.executor.identity())


def _require_identity(run: Run, identity: Mapping[str, str]) -> None:
    known = run.settings.get("model_identity") or {}
    different = [
        f"{name} was {known[name]}, is {value}"
        for name, value in identity.items()
        if name in known and known[name] != value
    ]
    if different:
        raise RunFolderError(f"the model is not the one that {run.path} was made with ({'; '.join(different)})")
