"""A loaded model as something that answers prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property

from truthmap.answer_parts import final_answer
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import PrefixCache
from truthmap.records import Reply

_REPLY_TOKENS = 24


class LocalTextModel:
    """A loaded model that answers prompts greedily, in few tokens; one that thinks is told to answer at once.

    Args:
        model: The model.
        batch_tokens: Tokens in one batch, padding and the reply's room included.
    """

    def __init__(self, model: LanguageModel, batch_tokens: int = 8192) -> None:
        self.model = model
        self._settings = GenerateSettings(max_new_tokens=_REPLY_TOKENS, batch_tokens=batch_tokens)
        self._asked = model.at_once
        self._prefixes = PrefixCache(self._asked)

    @cached_property
    def identity(self) -> str:
        """What tells the model from any other: architecture, dtype, digests."""
        return json.dumps({"max_tokens": _REPLY_TOKENS, **self._asked.identity()}, sort_keys=True)

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order; an empty string where a prompt is too long."""
        return [reply.text for reply in self.replies(prompts)]

    def replies(self, prompts: Sequence[str]) -> list[Reply]:
        """Answer each prompt, in order, with the tokens that were read and written."""
        asked = [Prompt(str(number), self._asked.prompt_ids(text, text)) for number, text in enumerate(prompts)]
        replies = {
            answer.question_id: Reply(final_answer(answer).text, len(answer.prompt_ids), len(answer.answer_ids))
            for batch in generate_answers(self._asked, asked, self._settings, prefixes=self._prefixes)
            for answer in batch.answers
        }
        return [replies[prompt.question_id] for prompt in asked]
