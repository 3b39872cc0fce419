"""A study: the settings of a run, as data, and the one call that makes the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from truthmap.endpoint import checked_url
from truthmap.errors import UsageError
from truthmap.probes.protocols import ProbeProtocol
from truthmap.questions.columns import Columns
from truthmap.questions.tasks import GradingRule, Locating
from truthmap.records import Site
from truthmap.runs.remote import local_folder

if TYPE_CHECKING:
    from truthmap.runs.run import Run
    from truthmap.terminal.progress import Progress

WHERE_ONLY = frozenset(
    {
        "out",
        "device",
        "device_map",
        "batch_tokens",
        "states_at",
        "cluster",
        "workers",
        "gpus_per_worker",
        "cpus_per_worker",
        "endpoint",
        "endpoint_requests",
    }
)
"""Settings that say where and how fast, not what: they may differ when a run is taken up again."""

KEY_VARIABLE = "TRUTHMAP_ENGINE_KEY"
"""Environment variable with the key of the endpoint that answers; a judge, who may be elsewhere, has one of his own."""

OF_THE_ENGINE = frozenset({"tensor_parallel", "gpu_memory"})
"""Settings of the same kind that are written down all the same: later commands start the same engine.

The address of an endpoint is not: a folder from somebody else must not tell where prompts and the key are sent."""


def _folder(value: Any) -> Any:
    """Return the folder at a path or a URL; what is neither is left for the check of its type."""
    return local_folder(value) if isinstance(value, (str, Path)) else value


class Study(BaseModel):
    """Model + questions + settings. `run()` makes the run folder `out`, or goes on where it stopped.

    Raises:
        UsageError: a setting is outside what is allowed (from `Study.of`; `Study(…)` itself raises pydantic's
            `ValidationError`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    model: str = Field(min_length=1, description="Built-in model (smollm2), folder, .gguf file or hub id")
    questions: str = Field("cities", min_length=1, description="Built-in question set, one of the study's, or a file")
    questions_file: Path | None = Field(
        None, description="The file of a study's set (movies, math, …), or the folder that holds it"
    )
    questions_split: Literal["train", "test"] = Field("train", description="Which part of a study's set")
    columns: Columns = Field(Columns(), description="Columns of an own question file, where not named as usual")
    skip_bad: bool = Field(False, description="Go on without the rows of the file that make no question")
    grading: GradingRule | None = Field(None, description="Rule that decides right or wrong; default: the set's own")
    locating: Locating | None = Field(None, description="How the exact answer is found; default: the set's own")
    judge: str | None = Field(
        None, description="Model that grades by judge: same (the studied one), a model, or http://host/v1#model"
    )
    locator: str | None = Field(
        None, description="Model that copies exact answers: same (the studied one), a model, or http://host/v1#model"
    )
    out: Annotated[Path, BeforeValidator(_folder)] = Field(
        description="The run folder: a path, or a URL that fsspec opens (s3://bucket/run)"
    )
    limit: PositiveInt | None = Field(
        None, description="Take at most this many questions: a random subset, always the same"
    )
    seed: int = Field(0, ge=0, description="Where every random choice starts: subset, split, permutations")
    max_new_tokens: PositiveInt | None = Field(
        None, description="Longest answer in tokens; default: the question set's own"
    )
    sites: tuple[Site, ...] = Field((Site.RESIDUAL,), min_length=1, description="What is read at a layer")
    engine: Literal["transformers", "vllm", "openai"] = Field(
        "transformers",
        description="What generates the answers: transformers (the loaded model), vllm, "
        "or openai (an OpenAI-compatible endpoint that has the same model)",
    )
    endpoint: str | None = Field(
        None,
        description=f"For engine openai: where its API begins, http(s)://host/v1; its key comes from ${KEY_VARIABLE}",
    )
    endpoint_model: str | None = Field(
        None, validate_default=True, description="For engine openai: the model's name there"
    )
    endpoint_requests: PositiveInt = Field(8, description="Requests under way at once at the endpoint")
    tensor_parallel: PositiveInt = Field(1, description="GPUs that vLLM spreads the model over")
    gpu_memory: float | None = Field(
        None, gt=0, le=1, description="Share of the GPU's memory that vLLM takes; default: its own"
    )
    revision: str | None = Field(None, description="Revision of a hub model")
    device: str = Field("auto", description="auto (CUDA, MPS, CPU), or a torch device")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 on a GPU, else float32"
    )
    device_map: str | None = Field(None, description="Spread a large model over GPUs: auto, balanced, sequential")
    quantization: Literal["8bit", "4bit"] | None = Field(
        None, description="Load the weights in 8 or 4 bits (bitsandbytes)"
    )
    prompt_format: Literal["auto", "chat", "plain"] = Field(
        "auto", description="auto: chat if the model has a chat template"
    )
    blocks: str | None = Field(None, description="Path of the list of blocks in the model, if it cannot be found")
    trust_remote_code: bool = Field(False, description="Run Python code that comes with a hub model")
    protocol: ProbeProtocol = Field(
        ProbeProtocol.TRUTHMAP, description="paper: probes and exact answers as the paper made them, to compare maps"
    )
    permutations: int = Field(
        100, ge=0, description="Shuffles of the labels for the null of the whole map; 0: no p-values"
    )
    batch_tokens: PositiveInt = Field(8192, description="Tokens in one batch, padding included")
    states_at: str | None = Field(
        None, min_length=1, description="Where the hidden states go: a URL that fsspec opens; default: the run folder"
    )
    cluster: str | None = Field(
        None, min_length=1, description="Do the work on a Ray cluster: auto (the running one) or its address"
    )
    workers: PositiveInt | None = Field(None, description="Workers on the cluster; default: as many as it has room for")
    gpus_per_worker: float = Field(0, ge=0, description="GPUs that each worker on the cluster gets")
    cpus_per_worker: PositiveInt = Field(1, description="CPUs that each worker on the cluster gets")

    @field_validator("endpoint")
    @classmethod
    def _an_address_goes_with_openai(cls, value: str | None, others: ValidationInfo) -> str | None:
        if value is None:
            return value
        if others.data.get("engine") != "openai":
            raise ValueError("an endpoint goes with engine openai, and with no other")
        return checked_url(value, KEY_VARIABLE)

    @field_validator("endpoint_model")
    @classmethod
    def _openai_names_its_model(cls, value: str | None, others: ValidationInfo) -> str | None:
        if (value is not None) != (others.data.get("engine") == "openai"):
            raise ValueError("the model's name at the endpoint goes with engine openai, which needs it")
        return value

    @field_validator("quantization")
    @classmethod
    def _only_transformers_quantizes(cls, value: str | None, others: ValidationInfo) -> str | None:
        if value is not None and others.data.get("engine") == "vllm":
            raise ValueError("vLLM cannot read what transformers quantizes while loading; leave it or --engine out")
        return value

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Study:
        """Make a study from plain settings.

        Raises:
            UsageError: one line that names each setting that is outside what is allowed.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            # Our own checks say themselves what came, as far as it may be shown.
            faults = "; ".join(
                f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
                + ("" if e["type"] == "value_error" else f" (got {e['input']!r})")
                for e in error.errors()
            )
            raise UsageError(f"these settings cannot be used: {faults}") from error

    def kept_settings(self) -> dict[str, Any]:
        """Return the settings that make the numbers, as plain data for study.yaml."""
        return {name: value for name, value in self.model_dump(mode="json").items() if name not in WHERE_ONLY}

    def run(self, *, update: bool = False, progress: Progress | None = None) -> Run:
        """Make the run, or go on where it stopped; a finished run is left as it is.

        Args:
            update: The run folder may have been made with other settings: redo what depends on the changed ones.
            progress: Who shows the stages; nobody by default. `truthmap.Bars()` draws bars.

        Raises:
            TruthmapError: any of its kinds, with what to do; finished work is kept.
        """
        from truthmap.execution.active_run import carry_out

        return carry_out(self, update=update, progress=progress)
