"""Going on from a finished run: with its very questions and, where it takes one, its very model."""

from __future__ import annotations

from truthmap.errors import RunFolderError
from truthmap.execution.active_run import ActiveRun, require_identity
from truthmap.lm.model import LanguageModel
from truthmap.runs.stored_run import StoredRun
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.stage_keys import stage_keys
from truthmap.study.stage_settings import load_question_set
from truthmap.study.study import Study, with_objects, with_settings
from truthmap.terminal.progress import Progress, Silence


def reopen(run: StoredRun, reopening: ReopenSettings | None = None, progress: Progress | None = None) -> ActiveRun:
    """Open a finished run to go on from it.

    Args:
        run: The run.
        reopening: Where and how fast to compute, and what may be done that the folder alone may not decide.
        progress: Who shows what is being done.

    Raises:
        RunFolderError: the answers in the folder are not those that its settings and questions would give today.
    """
    progress, reopening = progress or Silence(), reopening or ReopenSettings()
    own = {"resources": reopening.resources, "states_at": run.settings.get("states_at"), "out": run.address}
    if reopening.endpoint is not None:
        own["endpoint"] = reopening.endpoint
    study = with_objects(with_settings(Study(**run.settings["settings"]), own), reopening.given)
    folder, keys = run.folder, stage_keys(study)
    answers = run.snapshot.stages["answers"]
    if answers.key != keys["answers"]:
        raise RunFolderError(
            f"the answers in {run.address} are not those of its settings: the questions' file has changed or another "
            "version of truthmap made them; run the same study again with --update"
        )
    # The keys are those of the run; whether code that came with its model runs is decided here and now.
    trusted = study.model.trust_remote_code and reopening.trust_remote_code
    allowed = study.model_copy(update={"model": study.model.model_copy(update={"trust_remote_code": trusted})})
    return ActiveRun(allowed, folder, keys, load_question_set(allowed, progress.say, folder), progress)


def model_of(run: StoredRun, active: ActiveRun) -> LanguageModel:
    """Return the run's model, loaded here.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    require_identity(run.address, run.settings.get("model_identity") or {}, active.model.identity())
    return active.model


def require_same_model(run: StoredRun, active: ActiveRun) -> None:
    """See that whoever does the shards has the run's model.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    require_identity(run.address, run.settings.get("model_identity") or {}, active.executor.identity())
