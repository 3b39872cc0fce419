"""The loaded model itself as engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import PrefixCache
from truthmap.records import Site


class LocalEngine:
    """The loaded model answers by itself.

    Args:
        model: The model.
        prefixes: Its prefix cache, where others that run the model share it; by default the engine's own.
    """

    ended = False
    reader = None
    scorer = None

    def __init__(self, model: LanguageModel, prefixes: PrefixCache | None = None) -> None:
        self.model = model
        self.prefixes = prefixes or PrefixCache(model)

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerateSettings,
        sites: tuple[Site, ...] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Answer prompts and keep their states: see `generate_answers`."""
        return generate_answers(self.model, prompts, settings, sites, on_progress, self.prefixes)

    def close(self) -> None:
        """Do nothing: the model is not the engine's own."""
