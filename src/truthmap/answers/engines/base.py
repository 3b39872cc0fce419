"""What an engine is: settings, and what they start, which answers prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, Protocol

from truthmap.lm.load_settings import LoadSettings
from truthmap.records import Answer, Site
from truthmap.settings_base import Section

if TYPE_CHECKING:
    from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
    from truthmap.lm.model import LanguageModel
    from truthmap.lm.prefix import PrefixCache
    from truthmap.store.tokens import StateReader


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

    @property
    def reader(self) -> StateReader | None:
        """What reads sequences for their states, where the engine can."""
        ...

    @property
    def scorer(self) -> AnswerScorer | None:
        """What gives log-probabilities to answers that came ready, where the engine can."""
        ...

    def close(self) -> None:
        """Let go of what the engine holds; its memory is free when this returns."""
        ...


class AnswerScorer(Protocol):
    """An engine that tells what the model thinks of tokens that it did not choose."""

    def score(
        self,
        answers: Sequence[Answer],
        sites: tuple[Site, ...] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Give answers the log-probabilities of their tokens, in any order.

        Args:
            answers: The answers; those without tokens come back as they are.
            sites: Keep their states at these sites on the way, where the engine can.
            on_progress: Called with how many answers are done so far.

        Raises:
            ModelError: the engine fails.
        """
        ...


class EngineHost(Protocol):
    """What an engine may ask of the run that starts it."""

    @property
    def source(self) -> str:
        """The model, as the user named it."""
        ...

    @property
    def load(self) -> LoadSettings:
        """How the model is loaded."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Tokens in one batch, padding included."""
        ...

    @property
    def state_sites(self) -> tuple[Site, ...]:
        """Where the engine is to give hidden states, if it can; none: nobody asks it for any."""
        ...

    @property
    def requires_states(self) -> bool:
        """Whether nobody else may give them where the engine cannot."""
        ...

    def model(self) -> LanguageModel:
        """Return the model with its weights, loaded here."""
        ...

    def prefixes(self) -> PrefixCache:
        """Return the prefix cache of the model, which all who run it share."""
        ...

    def without_weights(self) -> LanguageModel:
        """Return the model as far as tokens go, after letting its weights go from this process."""
        ...

    def longest_sequence(self) -> int:
        """Return the tokens of the longest prompt with room for its answer."""
        ...

    def stage(self, name: str, total: int | None, done: int = 0) -> AbstractContextManager[Callable[[int], None]]:
        """Show something that takes its time."""
        ...

    def say(self, text: str) -> None:
        """Show one line of news."""
        ...


class EngineSettings(Section):
    """Settings of an engine; each kind has its own in its own file, and a line in `registry`.

    Attributes:
        kind: The engine's name.
    """

    title: ClassVar[str] = "Answers"
    kind: str
    captures: ClassVar[str | None] = None
    """The kind of capture (`--capture`) whose states the engine can keep while it answers."""
    scores: ClassVar[bool] = False
    """Whether it gives log-probabilities to answers that came ready; else the loaded model does."""
    answers_here: ClassVar[bool] = False
    """Whether it answers with the model that is loaded here, so that states on the way take memory of its device."""
    reads_quantized: ClassVar[bool] = True
    """Whether it takes a model that transformers quantizes while loading."""
    reads_adapters: ClassVar[bool] = True
    """Whether it takes a model with an adapter that is merged into its weights while loading."""
    loads_by_name: ClassVar[bool] = False
    """Whether it loads the model itself, so that one which a program has loaded is of no use to it."""
    closes_thoughts: ClassVar[bool] = True
    """Whether it can close a thought that is too long."""
    smallest_shard: ClassVar[int] = 1
    """Answers that a shard should hold at least, where the engine batches by itself."""

    def note(self) -> Mapping[str, str]:
        """Return what is written down of the engine besides its settings, such as a version.

        Raises:
            UsageError: the engine cannot be started as it is set; the message says what to do.
        """
        return {}

    def for_trial(self) -> EngineSettings:
        """Return the settings with which its laws are tried on a few short sequences."""
        return self

    def elsewhere(self) -> str | None:
        """Name what answers, where it is not the loaded model; then nobody can tell how long it takes."""
        return None

    def start(self, host: EngineHost) -> Engine:
        """Start the engine.

        Raises:
            ModelError: it cannot be started; the message says what to do.
        """
        raise NotImplementedError
