"""Other models that say which answers say the same: an NLI classifier, or a language model as judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truthmap.analyses import ByEntailment, ByJudge, ByMeaning, Equivalence
from truthmap.answers import GenerateSettings, Prompt, generate_answers
from truthmap.errors import UsageError
from truthmap.lm import LanguageModel, LoadSettings, load_entailment, load_model
from truthmap.pipeline.where import Where

if TYPE_CHECKING:
    from truthmap.grading import Asker

_REPLY_TOKENS = 8


@dataclass(frozen=True)
class LocalAsker:
    """A language model on this machine that answers prompts shortly and greedily."""

    lm: LanguageModel
    max_new_tokens: int = _REPLY_TOKENS
    batch_tokens: int = 8192

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order."""
        asked = [Prompt(str(n), self.lm.prompt_ids(text, f"{text}\nReply:")) for n, text in enumerate(prompts)]
        settings = GenerateSettings(self.max_new_tokens, self.batch_tokens)
        replies = {a.question_id: a.text for batch in generate_answers(self.lm, asked, settings) for a in batch.answers}
        return [replies[prompt.question_id] for prompt in asked]


def chosen_equivalence(nli: str | None, judge: str | None, where: Where) -> Equivalence:
    """Give what decides which answers say the same: the exact answer, unless a model is named.

    Raises:
        UsageError: both models are named.
        ModelError: the model cannot be loaded, or is no NLI model.
    """
    if nli is not None and judge is not None:
        raise UsageError("name an NLI model or a judge, not both")
    if nli is not None:
        return ByEntailment(load_entailment(nli, LoadSettings(device=where.device)))
    if judge is not None:
        asker: Asker = LocalAsker(load_model(judge, LoadSettings(device=where.device)), batch_tokens=where.batch_tokens)
        return ByJudge(asker)
    return ByMeaning()
