"""The models that help grading: the studied one, another local one, or an endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from truthmap.pipeline.settings import load_settings

if TYPE_CHECKING:
    from truthmap.grading import Asker, Helpers
    from truthmap.lm import LanguageModel
    from truthmap.pipeline.work import Work

SAME = "same"
"""Names the studied model as judge or locator."""


def helpers_of(work: Work) -> Helpers:
    """Give the helpers that the study names and its task needs."""
    from truthmap.grading import Helpers, needs_judge, needs_locator

    task, study = work.question_set.task, work.study
    return Helpers(
        judge=_asker(work, study.judge) if needs_judge(task) and study.judge else None,
        locator=_asker(work, study.locator or SAME) if needs_locator(task) else None,
    )


def _asker(work: Work, name: str) -> Asker:
    from truthmap.answers import LocalAsker
    from truthmap.grading import Endpoint

    if "://" in name:
        return Endpoint.of(name)
    return LocalAsker(_local_model(work, name), work.study.batch_tokens)


def _local_model(work: Work, name: str) -> LanguageModel:
    from truthmap.lm import load_model

    if name in (SAME, work.study.model):
        return work.model
    settings = replace(load_settings(work.study), revision=None, blocks=None)
    with work.progress.stage(f"Loading {name}", None):
        return load_model(name, settings)
