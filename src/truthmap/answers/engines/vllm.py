"""vLLM as engine: how it is set and started."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import packages_distributions, version
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from truthmap.answers.engines.base import EngineHost, EngineSettings
from truthmap.errors import ModelError, UsageError
from truthmap.settings_base import Resource

if TYPE_CHECKING:
    from truthmap.answers.engines.vllm_engine import VllmEngine


_FEW_TOKENS = 64
"""Tokens that vLLM computes at once where its laws are tried."""


class VllmSettings(EngineSettings):
    """The studied model in a vLLM of its own, which batches by itself and is the faster the more it has to do."""

    kind: Literal["vllm"] = "vllm"
    reads_quantized: ClassVar[bool] = False
    reads_adapters: ClassVar[bool] = False
    captures: ClassVar[str | None] = "vllm"
    scores: ClassVar[bool] = True
    loads_by_name: ClassVar[bool] = True
    smallest_shard: ClassVar[int] = 1024

    tensor_parallel: Annotated[PositiveInt, Resource(written_down=True)] = Field(
        1, description="GPUs that vLLM spreads the model over"
    )
    gpu_memory: Annotated[float | None, Resource(written_down=True)] = Field(
        None, gt=0, le=1, description="Share of the GPU's memory that vLLM takes; default: its own"
    )

    step_tokens: Annotated[PositiveInt | None, Resource(written_down=True)] = Field(
        None, description="Tokens that vLLM computes at once, longer prompts in pieces; default: its own"
    )

    def note(self) -> Mapping[str, str]:
        """Return the version of the vLLM that is installed.

        Raises:
            UsageError: there is none.
        """
        found = vllm_version()
        if found is None:
            raise UsageError(
                "--engine vllm or --capture vllm needs vLLM: pip install 'truthmap[vllm]', or leave it out"
            )
        return {"engine": f"vllm {found}"}

    def for_trial(self) -> VllmSettings:
        """Return settings with which short sequences, too, are cut into pieces."""
        return self.model_copy(update={"step_tokens": self.step_tokens or _FEW_TOKENS})

    def elsewhere(self) -> str | None:
        """Name vLLM and its version."""
        return self.note()["engine"]

    def start(self, host: EngineHost) -> VllmEngine:
        """Start vLLM once the weights have left this process; see that its states are the model's own.

        Raises:
            ModelError: vLLM cannot be started; or its states are required, and are others.
        """
        from truthmap.answers.engines.vllm_engine import VllmEngine
        from truthmap.answers.engines.vllm_launch import VllmLaunch
        from truthmap.answers.engines.vllm_probe import StateProbe
        from truthmap.lm.load import model_source, pick_device, pick_dtype

        load = host.load
        launch = VllmLaunch(
            source=model_source(host.source),
            revision=load.revision,
            dtype=str(pick_dtype(load.dtype, pick_device(load.device))).removeprefix("torch."),
            trust_remote_code=load.trust_remote_code,
            longest=host.longest_sequence(),
            tensor_parallel=self.tensor_parallel,
            gpu_memory=self.gpu_memory,
            sites=host.state_sites,
            step_tokens=self.step_tokens,
        )
        probe = StateProbe.of(host.model(), host.state_sites, launch.longest) if host.state_sites else None
        lm = host.without_weights()
        with host.stage("Starting vLLM", None):
            engine = VllmEngine(lm, launch)
            if probe is not None:
                engine.fault = engine.fault or probe.fault_of(engine)
        if engine.fault is not None and host.requires_states:
            engine.close()
            raise ModelError(f"vLLM does not give this model's states ({engine.fault}); use --capture transformers")
        if engine.fault is not None:
            host.say(f"vLLM does not give this model's states ({engine.fault}): transformers reads them afterwards")
        return engine


def vllm_version() -> str | None:
    """Return the version of the vLLM that is installed, whatever its package is called; `None`: there is none."""
    packages = packages_distributions().get("vllm")
    return version(packages[0]) if packages else None
