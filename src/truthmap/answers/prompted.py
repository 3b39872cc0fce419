"""A loaded model as something that answers prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.lm.model import LanguageModel

_REPLY_TOKENS = 24


@dataclass(frozen=True)
class LocalTextModel:
    """A loaded model that answers prompts greedily, in few tokens."""

    model: LanguageModel
    batch_tokens: int = 8192

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order; an empty string where a prompt is too long."""
        asked = [Prompt(str(number), self.model.prompt_ids(text, text)) for number, text in enumerate(prompts)]
        settings = GenerateSettings(max_new_tokens=_REPLY_TOKENS, batch_tokens=self.batch_tokens)
        replies = {
            answer.question_id: answer.text
            for batch in generate_answers(self.model, asked, settings)
            for answer in batch.answers
        }
        return [replies[prompt.question_id] for prompt in asked]
