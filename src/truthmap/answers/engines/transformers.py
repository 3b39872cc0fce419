"""The loaded model itself as engine, through transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from truthmap.answers.engines.base import EngineHost, EngineSettings

if TYPE_CHECKING:
    from truthmap.answers.engines.local import LocalEngine


class TransformersSettings(EngineSettings):
    """The loaded model answers by itself; nothing is to be set."""

    kind: Literal["transformers"] = "transformers"
    captures: ClassVar[str | None] = "transformers"
    answers_here: ClassVar[bool] = True

    def start(self, host: EngineHost) -> LocalEngine:
        """Load the model."""
        from truthmap.answers.engines.local import LocalEngine

        return LocalEngine(host.model(), host.prefixes())
