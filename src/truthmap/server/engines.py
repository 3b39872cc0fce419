"""What a served detector's model answers in: a line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from truthmap.answers.engines.vllm import VllmSettings
from truthmap.detector.detector import Detector
from truthmap.errors import UsageError
from truthmap.server.app import StartRunner
from truthmap.server.batcher import Batcher
from truthmap.server.on_vllm import VllmServing
from truthmap.server.serve_settings import ServeSettings


class Prepared(Protocol):
    """A detector that can be served, before what answers is started."""

    @property
    def detector(self) -> Detector:
        """It, with as much of its model as is needed here."""
        ...

    def start(self, settings: ServeSettings, /) -> StartRunner:
        """Start what answers."""
        ...


@dataclass(frozen=True)
class HereServing:
    """The detector's own model answers, here."""

    detector: Detector

    def start(self, _settings: ServeSettings) -> StartRunner:
        """Return what answers with the loaded model."""
        return Batcher


@dataclass(frozen=True)
class ServingEngine:
    """A way to serve.

    Attributes:
        max_batch: Requests that are answered together, where nobody says how many.
        prepare: Takes a loaded detector, the server's limits and how a vLLM is started.
    """

    max_batch: int
    prepare: Callable[[Detector, ServeSettings, VllmSettings], Prepared]


ENGINES: Mapping[str, ServingEngine] = {
    "transformers": ServingEngine(32, lambda detector, _settings, _vllm: HereServing(detector)),
    "vllm": ServingEngine(256, VllmServing.of),
}


def serving_engine(name: str) -> ServingEngine:
    """Return the engine of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine {name!r}: a detector is served by one of {', '.join(ENGINES)}")
    return ENGINES[name]
