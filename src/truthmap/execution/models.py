"""The model of an open run, its engine and its graders: each loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from truthmap.answers.engines.base import Engine, EngineSettings
from truthmap.answers.prompted import LocalTextModel
from truthmap.errors import ModelError, UsageError
from truthmap.execution.capturing import capture_kind
from truthmap.grading.judge import SCHEMA
from truthmap.grading.kinds import needs_grader, needs_judge, needs_locator
from truthmap.grading.reply_cache import CachedModel
from truthmap.grading.second_grader import SecondGrader
from truthmap.grading.text_model import SAME, EndpointTextModel, Graders, Replying, TextModel
from truthmap.lm.identity import model_digest
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.meta_model import meta_model, release_memory
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import PrefixCache
from truthmap.lm.sites import Blocks
from truthmap.questions.tasks import Task
from truthmap.records import Site
from truthmap.storage import cache_folder
from truthmap.study.stage_settings import load_settings
from truthmap.study.study import Study
from truthmap.terminal.progress import Advance, Progress


class ModelHolder:
    """Holds the model or the engine that has it: the weights are never in two places of one machine at once.

    It is also what an engine is started with (`answers.engines.base.EngineHost`).

    Args:
        study: Which model, and which engine.
        progress: Shows what is being loaded.
        longest_sequence: Called for the tokens of the longest prompt with room for its answer.
    """

    def __init__(self, study: Study, progress: Progress, longest_sequence: Callable[[], int]) -> None:
        self._study, self._progress = study, progress
        self.longest_sequence = longest_sequence
        self._model: LanguageModel | None = None
        self._prefixes: PrefixCache | None = None
        self._without_weights: LanguageModel | None = None
        self._engine: Engine | None = None
        self._capturer: Engine | None = None

    @property
    def engine_name(self) -> str:
        """What the study's engine is called."""
        return self._study.answers.engine.kind

    @property
    def source(self) -> str:
        """The model, as the user named it."""
        return self._study.model.name

    @property
    def load(self) -> LoadSettings:
        """How the model is loaded."""
        return load_settings(self._study)

    @property
    def batch_tokens(self) -> int:
        """Tokens in one batch, padding included."""
        return self._study.resources.batch_tokens

    @property
    def state_sites(self) -> tuple[Site, ...]:
        """Where an engine is to give hidden states: nowhere if transformers reads them."""
        own = self._study.answers.engine.captures
        return self._study.states.sites if capture_kind(self._study) in (own, "vllm") else ()

    @property
    def requires_states(self) -> bool:
        """Whether the study names what reads its states."""
        return self._study.resources.capture != "auto"

    def model(self) -> LanguageModel:
        """Return the model with its weights; an engine that has them, if it is running, is ended first."""
        if self._model is None:
            self.close()
            with self._progress.stage("Loading the model", None):
                loaded = _studied(self._study)
                _require_blocks(loaded)
            self._model = loaded
        return self._model

    @property
    def has_weights(self) -> bool:
        """Whether the model's weights are in memory here."""
        return self._model is not None

    def prefixes(self) -> PrefixCache:
        """Return the prefix cache of the model, which all who run it share: the engine, the capture of states."""
        if self._prefixes is None:
            self._prefixes = PrefixCache(self.model())
        return self._prefixes

    def tokens(self) -> LanguageModel:
        """Return the model for what needs no weights: prompts, tokens, limits."""
        return self._model or self._without_weights or self.model()

    def without_weights(self) -> LanguageModel:
        """Free the memory that the model takes, and return what knows its tokens."""
        if self._model is not None or self._without_weights is None:
            model = self.model()
            device, self._without_weights = model.device, meta_model(model)
            self._model = self._prefixes = None
            del model
            release_memory(device)
        return self._without_weights

    def engine(self) -> Engine:
        """Return what answers, started if need be: a new one where the one before has failed."""
        if self._engine is not None and self._engine.ended:
            self.close()
        if self._engine is None:
            self._engine = self._study.answers.engine.start(self)
        return self._engine

    def engine_that_captures(self, settings: EngineSettings) -> Engine:
        """Return the study's engine, where it captures as an engine of these settings does; else one of these."""
        if self._study.answers.engine.captures == settings.captures:
            return self.engine()
        if self._capturer is not None and self._capturer.ended:
            self.close()
        if self._capturer is None:
            settings.note()
            self.close()  # the loaded model as engine would keep the weights here
            self._capturer = settings.start(self)
        return self._capturer

    def close(self) -> None:
        """Let the engines go."""
        for engine in (self._engine, self._capturer):
            if engine is not None:
                engine.close()
        self._engine = self._capturer = None

    def stage(self, name: str, total: int | None, done: int = 0) -> AbstractContextManager[Advance]:
        """Show something that takes its time."""
        return self._progress.stage(name, total, done)

    def say(self, text: str) -> None:
        """Show one line of news."""
        self._progress.say(text)


def _studied(study: Study) -> LanguageModel:
    """Return the study's model: the one that a program gave, or the one of that name.

    Raises:
        ModelError: it cannot be loaded; or a program gave it, and what is loaded by its name is another.
    """
    given, settings = study.given.model, load_settings(study)
    if given is not None:
        return LanguageModel(given.name, given.model.eval(), given.tokenizer, settings)
    wanted = study.model.digest
    if wanted is None:
        return load_model(study.model.name, settings)
    again = "it was given by a program: give it again, Study(model=(model, tokenizer))"
    try:
        found = load_model(study.model.name, settings)
    except ModelError as error:
        raise ModelError(f"the model of this study cannot be loaded by its name ({error}); {again}") from error
    if model_digest(found.model, found.tokenizer) != wanted:
        raise ModelError(f"the model of this study is another one than what is loaded as {study.model.name}; {again}")
    return found


def graders_of(study: Study, task: Task, own_model: Callable[[], LanguageModel], progress: Progress) -> Graders:
    """Return the models that judge and locate, where the task needs any.

    Args:
        study: Names them.
        task: Needs them or not.
        own_model: Called for the studied model, where it is its own judge or locator.
        progress: Shows what is being loaded.

    Raises:
        UsageError: an endpoint is named in another form than `http(s)://host/v1#model`; or a function is to grade, and
            no program gives it.
        ModelError: a model cannot be loaded.
    """
    load = _loader(study, own_model, progress)
    judge, locator = study.grading.judge, study.grading.locator
    if needs_grader(task) and study.given.grader is None:
        known = f" ({study.grading.grader})" if study.grading.grader else ""
        raise UsageError(f"a function grades this study{known}, which a program has to give: Study(grader=…)")
    graders = judged_by(judge, load, study) if needs_judge(task) and judge else Graders()
    if needs_grader(task):
        graders = replace(graders, given=study.given.grader)
    if not needs_locator(task):
        return graders
    return replace(graders, locator=text_model_of(locator or SAME, load, study.resources.batch_tokens))


def second_graders_of(
    study: Study, second: SecondGrader, own_model: Callable[[], LanguageModel], progress: Progress
) -> Graders:
    """Return the models that the second grading needs; its judge is asked of every answer.

    Raises:
        UsageError, ModelError: as in `graders_of`.
    """
    if second.judge is None:
        return Graders()
    return replace(judged_by(second.judge, _loader(study, own_model, progress), study), judges_all=True)


def judged_by(name: str, load: Callable[[str], LanguageModel], study: Study) -> Graders:
    """Return graders with a judge, whose replies are kept for other runs.

    Args:
        name: `http(s)://host/v1#model`, or what names a local model.
        load: Loads a local model.
        study: Where and how fast.
    """
    model: Replying = (
        replace(EndpointTextModel.of(name), schema=SCHEMA)
        if "://" in name
        else LocalTextModel(load(name), study.resources.batch_tokens)
    )
    judge = CachedModel(model, cache_folder() / "replies")
    return Graders(judge=judge, judge_name=name, judge_cost=judge.cost)


def _loader(study: Study, own_model: Callable[[], LanguageModel], progress: Progress) -> Callable[[str], LanguageModel]:
    """Return what loads the models that grade: the studied one is not loaded twice."""

    def load(name: str) -> LanguageModel:
        if name in (SAME, study.model.name):
            return own_model()
        with progress.stage(f"Loading {name}", None):
            return load_model(name, replace(load_settings(study), revision=None, blocks=None, adapter=None))

    return load


def text_model_of(name: str, load: Callable[[str], LanguageModel], batch_tokens: int) -> TextModel:
    """Return a model that answers prompts, by its address or by the name that `load` takes.

    Args:
        name: `http(s)://host/v1#model`, or what names a local model.
        load: Loads a local model.
        batch_tokens: Tokens in one batch of a local model.
    """
    return EndpointTextModel.of(name) if "://" in name else LocalTextModel(load(name), batch_tokens)


def _require_blocks(lm: LanguageModel) -> Blocks:
    """Find the blocks of a model that is to be studied, before anything is asked of it.

    Raises:
        ModelError: it is an encoder, or its blocks cannot be found or have no state for each token.
    """
    return lm.blocks
