"""What answers prompts: the loaded model itself, or another program that has the same model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import PrefixCache
from truthmap.records import Site


class Engine(Protocol):
    """Whatever answers prompts with the studied model."""

    @property
    def ended(self) -> bool:
        """Whether it has failed for good, so that another one must be started."""
        ...

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerateSettings,
        sites: tuple[Site, ...] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Answer prompts, in any order.

        Args:
            prompts: What to answer; ids (question, sample) are unique.
            settings: How to answer.
            sites: Keep the states of the answers at these sites on the way, where the engine can; where it cannot, the
                batches come without states.
            on_progress: Called with how many answers are finished so far.

        Raises:
            ModelError: the engine fails; the message says what to do.
        """
        ...

    def close(self) -> None:
        """Let go of what the engine holds; its memory is free when this returns."""
        ...


class LocalEngine:
    """The loaded model answers by itself.

    Args:
        model: The model.
        prefixes: Its prefix cache, where others that run the model share it; by default the engine's own.
    """

    ended = False

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
