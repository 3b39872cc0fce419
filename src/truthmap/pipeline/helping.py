"""The models that help grading: the studied one, another local one, or an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from truthmap.pipeline.settings import load_settings

if TYPE_CHECKING:
    from truthmap.grading import Asker, Helpers
    from truthmap.lm import LanguageModel
    from truthmap.pipeline.work import Work

SAME = "same"
"""Names the studied model as judge or locator."""
_REPLY_TOKENS = 24


@dataclass(frozen=True)
class LocalAsker:
    """A loaded model that answers prompts greedily, in few tokens."""

    model: LanguageModel
    batch_tokens: int

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order; an empty string where a prompt is too long."""
        from truthmap.answers import GenerateSettings, Prompt, generate_answers

        asked = [Prompt(str(number), self.model.prompt_ids(text, text)) for number, text in enumerate(prompts)]
        settings = GenerateSettings(max_new_tokens=_REPLY_TOKENS, batch_tokens=self.batch_tokens)
        replies = {
            answer.question_id: answer.text
            for batch in generate_answers(self.model, asked, settings)
            for answer in batch.answers
        }
        return [replies[prompt.question_id] for prompt in asked]


def helpers_of(work: Work) -> Helpers:
    """Give the helpers that the study names and its task needs."""
    from truthmap.grading import Helpers, needs_judge, needs_locator

    task, study = work.question_set.task, work.study
    return Helpers(
        judge=_asker(work, study.judge) if needs_judge(task) and study.judge else None,
        locator=_asker(work, study.locator or SAME) if needs_locator(task) else None,
    )


def _asker(work: Work, name: str) -> Asker:
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
