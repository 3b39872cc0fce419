"""From ids to the record of an answer: the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from truthmap.lm.model import LanguageModel
from truthmap.records import Answer

if TYPE_CHECKING:
    from truthmap.answers.generate import GenerateSettings, Prompt

PROMPT_TOO_LONG = "prompt_too_long"


def fits(lm: LanguageModel, prompt: Prompt, settings: GenerateSettings) -> bool:
    """Tell whether a prompt leaves room for an answer in the model's context."""
    room = None if lm.max_length is None else lm.max_length - settings.max_new_tokens
    return len(prompt.prompt_ids) > 0 and (room is None or len(prompt.prompt_ids) <= room)


def answer_of(
    lm: LanguageModel, prompt: Prompt, ids: Sequence[int], log_probs: Sequence[float], *, finished: bool
) -> Answer:
    """Make the record of an answer; text and offsets come from its ids.

    Args:
        lm: The model whose tokens they are.
        prompt: What was answered.
        ids: The answer's ids, the closing one included.
        log_probs: Their natural log-probabilities under the model itself.
        finished: The model closed the answer itself.
    """
    return Answer(
        prompt.question_id,
        prompt_ids=prompt.prompt_ids,
        answer_ids=tuple(ids),
        text=lm.decode(ids),
        log_probs=tuple(log_probs),
        offsets=lm.offsets(ids),
        finished=finished,
        sample=prompt.sample,
    )


def unanswered(prompt: Prompt, fault: str = PROMPT_TOO_LONG) -> Answer:
    """Make the record of a prompt that has no answer, and why."""
    return Answer(
        prompt.question_id,
        prompt_ids=prompt.prompt_ids,
        answer_ids=(),
        text="",
        log_probs=(),
        offsets=(),
        finished=False,
        sample=prompt.sample,
        fault=fault,
    )


def has_begun(lm: LanguageModel, ids: Sequence[int]) -> bool:
    """Tell whether an answer has said anything yet: a new line before that does not close it."""
    return any(i not in lm.line_ids for i in ids)


def closes(lm: LanguageModel, before: Sequence[int], token: int) -> bool:
    """Tell whether a token closes the answer that consists of the ids `before` it."""
    return token in lm.stop_ids or (token in lm.line_ids and has_begun(lm, before))
