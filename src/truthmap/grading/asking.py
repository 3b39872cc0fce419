"""What a judge and a model that locates need: something that answers prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class TextModel(Protocol):
    """A model that answers prompts: the studied one, another local one, or an endpoint."""

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order; an empty string where there is no answer to a prompt."""
        ...


@dataclass(frozen=True, slots=True)
class Graders:
    """The models that help grading: `judge` decides outcomes, `locator` copies exact answers."""

    judge: TextModel | None = None
    locator: TextModel | None = None
