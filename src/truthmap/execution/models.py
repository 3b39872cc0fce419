"""Who answers in a run, and where the model's weights are meanwhile: never in two places of one machine at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from truthmap.errors import UsageError
from truthmap.study.settings import generate_settings, load_settings
from truthmap.study.study import KEY_VARIABLE

if TYPE_CHECKING:
    from truthmap.answers.engines.base import Engine
    from truthmap.answers.engines.vllm import VllmSettings
    from truthmap.execution.active_run import Work
    from truthmap.lm.model import LanguageModel
    from truthmap.lm.prefix import PrefixCache
    from truthmap.study.study import Study


def engine_note(study: Study) -> Mapping[str, str]:
    """Return what is written down of the engine besides its settings: the version of vLLM, nothing for the others.

    Raises:
        UsageError: the engine is not installed, or nobody said where it is; the message says what to do.
    """
    if study.engine == "openai" and study.endpoint is None:
        raise UsageError(
            f"engine openai needs --endpoint: where the API of {study.endpoint_model!r} begins, http(s)://host/v1"
        )
    if study.engine != "vllm":
        return {}
    from truthmap.answers.engines.vllm import vllm_version

    found = vllm_version()
    if found is None:
        raise UsageError("--engine vllm needs vLLM: pip install 'truthmap[vllm]', or leave --engine out")
    return {"engine": f"vllm {found}"}


class ModelKeeper:
    """Holds the model or the engine that has it, each loaded when it is first needed, and lets the other go before."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._model: LanguageModel | None = None
        self._prefixes: PrefixCache | None = None
        self._hollow: LanguageModel | None = None
        self._engine: Engine | None = None

    def model(self) -> LanguageModel:
        """Return the model with its weights; vLLM, if it is running, is ended first."""
        if self._model is None:
            from truthmap.lm.load import load_model

            self.close()
            with self._work.progress.stage("Loading the model", None):
                self._model = load_model(self._work.study.model, load_settings(self._work.study))
        return self._model

    def prefixes(self) -> PrefixCache:
        """Return the prefix cache of the model, for all who run it in turn: the engine, the capture of states."""
        from truthmap.lm.prefix import PrefixCache

        if self._prefixes is None or self._prefixes.lm is not self.model():
            self._prefixes = PrefixCache(self.model())
        return self._prefixes

    def tokens(self) -> LanguageModel:
        """Return the model for what needs no weights: prompts, tokens, limits."""
        return self._model or self._hollow or self.model()

    def engine(self) -> Engine:
        """Return what answers, started if need be: a new one where the one before has failed."""
        if self._engine is not None and self._engine.ended:
            self.close()
        if self._engine is None:
            self._engine = self._started()
        return self._engine

    def close(self) -> None:
        """Let the engine go."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _started(self) -> Engine:
        from truthmap.answers.engines.base import LocalEngine
        from truthmap.answers.engines.openai import EndpointEngine
        from truthmap.answers.engines.vllm import VllmEngine
        from truthmap.endpoint import Endpoint

        study = self._work.study
        if study.engine == "transformers":
            return LocalEngine(self.model(), self.prefixes())
        if study.engine == "openai":
            assert study.endpoint is not None
            assert study.endpoint_model is not None
            where = Endpoint(study.endpoint, KEY_VARIABLE, parallel=study.endpoint_requests)
            return EndpointEngine(
                self.model(), where, study.endpoint_model, study.batch_tokens, self._work.progress.say
            )
        settings = self._vllm_settings()
        self._put_weights_away()
        assert self._hollow is not None
        with self._work.progress.stage("Starting vLLM", None):
            return VllmEngine(self._hollow, settings)

    def _put_weights_away(self) -> None:
        """Free the memory that the model takes, and keep what knows its tokens."""
        from truthmap.lm.meta_model import meta_model, release_memory

        if self._model is None and self._hollow is not None:
            return
        model = self.model()
        device, self._hollow, self._model = model.device, meta_model(model), None
        self._prefixes = None
        del model
        release_memory(device)

    def _vllm_settings(self) -> VllmSettings:
        from truthmap.answers.engines.vllm import VllmSettings
        from truthmap.lm.load import model_source, pick_device, pick_dtype

        study, work = self._work.study, self._work
        new = generate_settings(study, work.question_set.task).max_new_tokens
        lengths = [len(work.prompt_ids(q)) + new for q in work.question_set.questions if q.answer is None]
        room = self.tokens().max_length
        return VllmSettings(
            source=model_source(study.model),
            revision=study.revision,
            dtype=str(pick_dtype(study.dtype, pick_device(study.device))).removeprefix("torch."),
            trust_remote_code=study.trust_remote_code,
            longest=max((n for n in lengths if room is None or n <= room), default=new + 1),
            tensor_parallel=study.tensor_parallel,
            gpu_memory=study.gpu_memory,
        )
