"""A detector whose model answers in vLLM: started, held against transformers, and handed to the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from truthmap.answers.engines.vllm import VllmSettings
from truthmap.answers.engines.vllm_launch import VllmLaunch
from truthmap.answers.engines.vllm_memory import LayerTap
from truthmap.answers.engines.vllm_probe import StateProbe
from truthmap.answers.engines.vllm_process import VllmProcess
from truthmap.answers.engines.vllm_stream import VllmStream
from truthmap.arrays import AnyArray
from truthmap.detector.artifact import Artifact
from truthmap.detector.detector import Detector
from truthmap.detector.projections import CellProjection, projections_of
from truthmap.detector.reading import state_spec
from truthmap.errors import ModelError, UsageError
from truthmap.grading.kinds import needs_locator
from truthmap.grading.text_model import SAME
from truthmap.lm.load import model_source
from truthmap.lm.meta_model import meta_model
from truthmap.lm.sizes import device_memory
from truthmap.server.app import StartRunner
from truthmap.server.engine_batcher import EngineBatcher
from truthmap.server.serve_settings import ServeSettings

_SHARE = 1 / 8
"""Share of the machine's memory that what is read of tokens may take."""


@dataclass(frozen=True)
class VllmServing:
    """What is known before vLLM is started: from then on the model's weights are needed here no more.

    Attributes:
        detector: The detector, with its model as far as tokens go.
        launch: What vLLM is started with.
        probe: A short prompt and its states, as transformers has them.
    """

    detector: Detector
    launch: VllmLaunch
    probe: StateProbe

    @classmethod
    def of(cls, detector: Detector, settings: ServeSettings, engine: VllmSettings) -> VllmServing:
        """Take what is needed of a loaded detector.

        Args:
            detector: It, with the weights of its model.
            settings: The server's limits.
            engine: How vLLM is started.

        Raises:
            UsageError: vLLM is not installed, or cannot do what the detector needs.
        """
        engine.note()
        lm, asking = detector.lm, detector.config.asking
        if needs_locator(asking.task) and asking.locator == SAME:
            raise UsageError("the model itself finds this detector's exact answers: serve it without --engine vllm")
        if lm.settings.quantization is not None or lm.settings.adapter is not None:
            raise UsageError(
                "vLLM does not take a model that transformers quantizes or merges an adapter into while loading: serve "
                "it without --engine vllm"
            )
        wanted = settings.max_prompt_tokens + max(settings.max_tokens, asking.max_new_tokens)
        launch = VllmLaunch(
            source=model_source(lm.name),
            revision=lm.settings.revision,
            dtype=str(lm.dtype).removeprefix("torch."),
            trust_remote_code=lm.settings.trust_remote_code,
            longest=min(wanted, lm.max_length or wanted),
            tensor_parallel=engine.tensor_parallel,
            gpu_memory=engine.gpu_memory,
            sites=(detector.config.site,),
            step_tokens=engine.step_tokens,
        )
        probe = StateProbe.of(lm, launch.sites, launch.longest)
        return cls(replace(detector, lm=meta_model(lm)), launch, probe)

    def start(
        self, settings: ServeSettings, process: Callable[[Mapping[str, Any]], VllmProcess] = VllmProcess
    ) -> StartRunner:
        """Start vLLM; see that its states are the model's own; return what answers with it.

        Args:
            settings: The server's limits.
            process: Starts vLLM's process.

        Raises:
            ModelError: vLLM cannot be started with this model, or its states are others.
        """
        artifact, layers = self.detector.artifact, state_spec(self.detector.artifact).layers
        stream = VllmStream(self.detector.lm, self.launch, layers, process)
        try:
            self._require_states(stream)
            taps, room = taps_of(artifact), most_tokens(artifact)
            wanted = settings.max_batch * (1 + settings.max_tokens)
            stream.use(taps, max(self.launch.longest + 1, min(wanted, room)))
        except BaseException:
            stream.close()
            raise
        return partial(EngineBatcher, stream=stream)

    def _require_states(self, stream: VllmStream) -> None:
        self.require_same(stream.read_states(self.probe.ids))

    def require_same(self, states: AnyArray) -> None:
        """See that vLLM's states of the probe, float32 (tokens, layers, d), are the model's own.

        Raises:
            ModelError: they differ by more than rounding.
        """
        site, layers = self.launch.sites[0], list(state_spec(self.detector.artifact).layers)
        wanted = replace(self.probe, states={site: self.probe.states[site][layers]})
        fault = wanted.difference({site: torch.from_numpy(states).permute(1, 0, 2)})
        if fault is not None:
            raise ModelError(f"vLLM does not give this model's states ({fault}): serve it without --engine vllm")


def taps_of(artifact: Artifact) -> list[LayerTap] | None:
    """Return what a detector needs of each token; `None`: the states of its layers."""
    projections = projections_of(artifact)
    return None if projections is None else [_tap(each) for each in projections]


def most_tokens(artifact: Artifact) -> int:
    """Return of how many tokens there is room for what a detector needs of them."""
    taps = taps_of(artifact)
    numbers = len(state_spec(artifact).layers) * artifact.config.model.width
    numbers = numbers if taps is None else sum(tap.size for tap in taps)
    return max(1, int(device_memory(torch.device("cpu")) * _SHARE) // (8 * numbers))


def _tap(projection: CellProjection) -> LayerTap:
    arrays = {name: getattr(projection, name) for name in ("matrix", "offset", "mean", "scale")}
    return LayerTap(projection.layer, arrays, projection.size)
