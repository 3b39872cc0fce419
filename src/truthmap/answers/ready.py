"""Answers that came with their questions: nothing is generated."""

from __future__ import annotations

from truthmap.lm.model import LanguageModel
from truthmap.records import Answer


def ready_answer(lm: LanguageModel, question_id: str, prompt_ids: tuple[int, ...], text: str) -> Answer:
    """Make the record of a given answer, in the model's tokens; it has no log-probabilities.

    The record's text is what its token ids say, so that offsets hold even where the tokenizer changes a character.
    """
    ids = lm.encode(text)
    too_long = lm.max_length is not None and len(prompt_ids) + len(ids) > lm.max_length
    return Answer(
        question_id,
        prompt_ids=prompt_ids,
        answer_ids=() if too_long else ids,
        text="" if too_long else lm.decode(ids),
        log_probs=(),
        offsets=() if too_long else lm.offsets(ids),
        finished=not too_long,
        fault="prompt_too_long" if too_long else None,
    )
