"""The models that help grading: the studied one, another local one, or an endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from truthmap.study.settings import load_settings

if TYPE_CHECKING:
    from truthmap.execution.active_run import Work
    from truthmap.grading.asking import Graders, TextModel
    from truthmap.lm.model import LanguageModel

SAME = "same"
"""Names the studied model as judge or locator."""


def graders(work: Work) -> Graders:
    """Return the helpers that the study names and its task needs."""
    from truthmap.grading.asking import Graders
    from truthmap.grading.grade import needs_judge, needs_locator

    task, study = work.question_set.task, work.study
    return Graders(
        judge=_asker(work, study.judge) if needs_judge(task) and study.judge else None,
        locator=_asker(work, study.locator or SAME) if needs_locator(task) else None,
    )


def _asker(work: Work, name: str) -> TextModel:
    from truthmap.answers.prompted import LocalTextModel
    from truthmap.grading.text_model import Endpoint

    if "://" in name:
        return Endpoint.of(name)
    return LocalTextModel(_local_model(work, name), work.study.batch_tokens)


def _local_model(work: Work, name: str) -> LanguageModel:
    from truthmap.lm.load import load_model

    if name in (SAME, work.study.model):
        return work.model
    settings = replace(load_settings(work.study), revision=None, blocks=None)
    with work.progress.stage(f"Loading {name}", None):
        return load_model(name, settings)
