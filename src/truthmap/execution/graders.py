"""The models that judge and locate: the studied one, another local one, or one at an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from truthmap.answers.prompted import LocalTextModel
from truthmap.grading.kinds import needs_judge, needs_locator
from truthmap.grading.text_model import SAME, EndpointTextModel, Graders, TextModel
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel
from truthmap.questions.tasks import Task
from truthmap.study.settings import load_settings
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress


def open_graders(study: Study, task: Task, own_model: Callable[[], LanguageModel], progress: Progress) -> Graders:
    """Open the models that the study names and its task needs.

    Args:
        study: Names them, and says how local ones are loaded.
        task: Says which are needed.
        own_model: Gives the studied model, where a name means that one.
        progress: Shows that another model is being loaded.

    Raises:
        UsageError: an endpoint is named in another form than `http(s)://host/v1#model`.
        ModelError: a model cannot be loaded.
    """

    def load(name: str) -> LanguageModel:
        if name in (SAME, study.model):
            return own_model()
        with progress.stage(f"Loading {name}", None):
            return load_model(name, replace(load_settings(study), revision=None, blocks=None))

    def named(name: str) -> TextModel:
        return open_text_model(name, load, study.batch_tokens)

    return Graders(
        judge=named(study.judge) if needs_judge(task) and study.judge else None,
        locator=named(study.locator or SAME) if needs_locator(task) else None,
    )


def open_text_model(name: str, load: Callable[[str], LanguageModel], batch_tokens: int) -> TextModel:
    """Open a model that answers prompts, by its address or by the name that `load` takes.

    Args:
        name: `http(s)://host/v1#model`, or what names a local model.
        load: Loads a local model.
        batch_tokens: Tokens in one batch of a local model.
    """
    return EndpointTextModel.of(name) if "://" in name else LocalTextModel(load(name), batch_tokens)
