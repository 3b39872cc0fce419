"""The loaded model itself as engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from truthmap.answers.generate import GeneratedBatch, GenerateSettings, Prompt, generate_answers
from truthmap.lm.model import LanguageModel
from truthmap.records import Site


@dataclass(frozen=True)
class LocalEngine:
    """The loaded model answers by itself."""

    model: LanguageModel
    ended = False

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerateSettings,
        sites: tuple[Site, ...] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Answer prompts and keep their states: see `generate_answers`."""
        return generate_answers(self.model, prompts, settings, sites, on_progress)

    def close(self) -> None:
        """Do nothing: the model is not the engine's own."""
