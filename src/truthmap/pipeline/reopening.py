"""Going on from a finished run: with its very questions and, where it takes one, its very model."""

from __future__ import annotations

from truthmap.errors import RunFolderError
from truthmap.lm import LanguageModel
from truthmap.pipeline.folder import RunFolder
from truthmap.pipeline.keys import stage_keys
from truthmap.pipeline.progress import Progress, Silence
from truthmap.pipeline.run import Run
from truthmap.pipeline.study import Study
from truthmap.pipeline.where import Where
from truthmap.pipeline.work import Work


def reopened(run: Run, where: Where | None = None, progress: Progress | None = None) -> Work:
    """Give what the stages of a run share, to go on from it.

    Raises:
        RunFolderError: the answers in the folder are not those that its settings and questions would give today.
    """
    where = where or Where()
    study = Study.of(
        {
            **run.settings["settings"],
            "out": run.path,
            "device": where.device,
            "batch_tokens": where.batch_tokens,
            "endpoint": where.endpoint,
        }
    )
    folder = RunFolder(run.path)
    work = Work(study, folder, stage_keys(study), progress or Silence())
    answers = folder.entry("answers")
    if answers is None or answers.key != work.keys["answers"]:
        raise RunFolderError(
            f"the answers in {run.path} are not those of its settings: the questions' file has changed or another "
            "version of truthmap made them; run the same study again with --update"
        )
    return work


def model_of(run: Run, work: Work) -> LanguageModel:
    """Give the run's model.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    known = run.settings.get("model_identity") or {}
    different = [
        f"{name} was {known[name]}, is {value}"
        for name, value in work.model.identity().items()
        if name in known and known[name] != value
    ]
    if different:
        raise RunFolderError(f"the model is not the one that {run.path} was made with ({'; '.join(different)})")
    return work.model
