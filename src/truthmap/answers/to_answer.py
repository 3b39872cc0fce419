"""From ids to the record of an answer: the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer

PROMPT_TOO_LONG = "prompt_too_long"


def fits(lm: LanguageModel, prompt: Prompt, settings: GenerateSettings) -> bool:
    """Return whether a prompt leaves room for an answer in the model's context."""
    room = None if lm.max_length is None else lm.max_length - settings.max_new_tokens
    return len(prompt.prompt_ids) > 0 and (room is None or len(prompt.prompt_ids) <= room)


def answer_of(
    lm: LanguageModel, prompt: Prompt, ids: Sequence[int], log_probs: Sequence[float], *, finished: bool
) -> Answer:
    """Make the record of an answer; text, offsets, thought and final part come from its ids.

    Args:
        lm: The model whose tokens they are.
        prompt: What was answered.
        ids: The answer's ids, the closing one included.
        log_probs: Their natural log-probabilities under the model itself.
        finished: The model closed the answer itself.
    """
    answer = Answer(
        prompt.question_id,
        prompt_ids=prompt.prompt_ids,
        answer_ids=tuple(ids),
        text=lm.decode(ids),
        log_probs=tuple(log_probs),
        offsets=lm.offsets(ids),
        finished=finished,
        sample=prompt.sample,
    )
    return lm.thought_tags.part(answer)


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


def ready_answer(lm: LanguageModel, question_id: str, prompt_ids: tuple[int, ...], text: str) -> Answer:
    """Return the record of an answer that came with its question, in the model's tokens, without log-probabilities.

    The record's text is what its token ids say, so that offsets hold even where the tokenizer changes a character.
    Thought and final part are found by the tags in it, which become the model's own where it has control tokens for
    them: it never reads a spelled-out tag otherwise.
    """
    ids = lm.thought_tags.encoded(text, prompt_ids, lm.encode)
    too_long = lm.max_length is not None and len(prompt_ids) + len(ids) > lm.max_length
    answer = Answer(
        question_id,
        prompt_ids=prompt_ids,
        answer_ids=() if too_long else ids,
        text="" if too_long else lm.decode(ids),
        log_probs=(),
        offsets=() if too_long else lm.offsets(ids),
        finished=not too_long,
        fault=PROMPT_TOO_LONG if too_long else None,
    )
    return lm.thought_tags.part(answer)


def has_begun(lm: LanguageModel, ids: Sequence[int]) -> bool:
    """Return whether an answer has any text yet: a new line before that does not close it."""
    return any(i not in lm.line_ids for i in ids)


def ends_answer(lm: LanguageModel, before: Sequence[int], token: int) -> bool:
    """Return whether a token closes the answer that consists of the ids `before` it."""
    return token in lm.stop_ids or (token in lm.line_ids and has_begun(lm, before))
