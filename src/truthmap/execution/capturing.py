"""What reads the hidden states of a run: the kinds, a line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from truthmap.answers.engines.base import Engine, EngineSettings
from truthmap.answers.engines.vllm import VllmSettings
from truthmap.capture.engine_capture import EngineCapture
from truthmap.capture.second_pass import StateCapture
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import PrefixCache
from truthmap.positions import LocatedPositions
from truthmap.records import Answer, Site
from truthmap.store.shards import StateShard
from truthmap.study.stage_settings import capture_settings
from truthmap.study.study import Study


class Capture(Protocol):
    """Whoever reads answers for their states."""

    def capture(
        self,
        answers: Sequence[Answer],
        located: LocatedPositions,
        sites: tuple[Site, ...],
        on_progress: Callable[[int], None] | None = None,
    ) -> StateShard:
        """Read answers and keep the states at the positions of their rows: see `StateCapture.capture`."""
        ...


class HoldsModels(Protocol):
    """Whoever has the model, or an engine that has it."""

    def model(self) -> LanguageModel:
        """Return the model with its weights, loaded here."""
        ...

    def prefixes(self) -> PrefixCache:
        """Return the model's prefix cache."""
        ...

    def engine_that_captures(self, settings: EngineSettings) -> Engine:
        """Return the study's engine, where it captures as an engine of these settings does; else one of these."""
        ...


def capture_kind(study: Study) -> str:
    """Return the kind of capture that a study asks for: a name in `CAPTURES`."""
    chosen = study.resources.capture
    return chosen if chosen != "auto" else study.answers.engine.captures or "transformers"


def captures_on_the_way(study: Study) -> bool:
    """Return whether the study's engine keeps states while it answers."""
    return study.answers.engine.captures == capture_kind(study)


def require_capturer(study: Study) -> None:
    """See that what is to read the states is installed.

    Raises:
        UsageError: it is not; the message says what to do.
    """
    if capture_kind(study) != study.answers.engine.captures and capture_kind(study) in _ENGINES:
        _ENGINES[capture_kind(study)].note()


def capture_with(study: Study, holder: HoldsModels) -> Capture:
    """Return what reads the states of a study's answers.

    Raises:
        ModelError: it cannot be loaded or started, or does not give this model's states.
    """
    return CAPTURES[capture_kind(study)](study, holder)


def _by_transformers(study: Study, holder: HoldsModels) -> Capture:
    return StateCapture(holder.model(), capture_settings(study), holder.prefixes())


def _by_vllm(study: Study, holder: HoldsModels) -> Capture:
    reader = holder.engine_that_captures(_ENGINES["vllm"]).reader
    return _by_transformers(study, holder) if reader is None else EngineCapture(reader)


CAPTURES: Mapping[str, Callable[[Study, HoldsModels], Capture]] = {
    "transformers": _by_transformers,  # the loaded model
    "vllm": _by_vllm,  # the vLLM that answers, or one of its own
}
"""The kinds by their names."""

_ENGINES: Mapping[str, EngineSettings] = {"vllm": VllmSettings()}
"""The engines that are started for those kinds where another one answers."""
