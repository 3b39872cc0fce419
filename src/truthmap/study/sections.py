"""The sections of a study's settings, one for each stage that has any, and one for where and how fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt

from truthmap.answers.engines.registry import AnyEngine
from truthmap.answers.engines.transformers import TransformersSettings
from truthmap.lm.load_settings import DATE, Day, PromptFormat, Quantization, Thinking
from truthmap.positions import SETS, Position, chosen_positions
from truthmap.questions.columns import Columns
from truthmap.questions.examples import read_examples
from truthmap.questions.tasks import Example, GradingRule, Locating
from truthmap.records import Site
from truthmap.settings_base import Later, Option, Section
from truthmap.store.store_dtype import StoreDtype

SHARD = 128
"""Answers in a shard: a killed run repeats at most one, and a shard of a large model's states stays under 1 GB."""


Capturing = Literal["auto", "transformers", "vllm"]
"""What reads hidden states."""

THINKING_ROOM = 1024
"""Tokens that a thought may take where nothing is said of it."""
PROMPTED_THINKING = 96
"""The same where a model is asked for its reasoning in words; a longer one is closed."""


def _with_a_place_for_the_question(template: str | None) -> str | None:
    if template is not None and "{text}" not in template:
        raise ValueError(f"expected {{text}} where the question is to stand, got {template!r}")
    return template


def _split(given: object) -> object:
    """Return positions that are given as one text, or as several of them, one by one."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, (list, tuple)):
        return given
    return tuple(
        part.strip() if isinstance(part, str) else part
        for text in texts
        for part in (text.split(",") if isinstance(text, str) else [str(text) if isinstance(text, Position) else text])
    )


def _which_are_positions(given: tuple[str, ...]) -> tuple[str, ...]:
    chosen_positions(given)
    return given


class ModelSection(Section):
    """The model that is studied, as far as its answers and states depend on it."""

    title: ClassVar[str] = "Model"

    name: Annotated[str, Option("model")] = Field(
        "smollm2", min_length=1, description="Built-in model (smollm2), folder, .gguf file or hub id"
    )
    revision: str | None = Field(None, description="Revision of a hub model")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 on a GPU, else float32"
    )
    adapter: Annotated[str | None, Later()] = Field(
        None, min_length=1, description="Folder or hub id of an adapter (peft) that is merged into the model's weights"
    )
    quantization: Quantization | None = Field(None, description="Load the weights in 8 or 4 bits (bitsandbytes)")
    prompt_format: PromptFormat = Field("auto", description="auto: chat if the model has a chat template")
    date: Annotated[Day, Later()] = Field(
        DATE, description="The day that a chat template is told where it names today's, the same in the whole study"
    )
    trust_remote_code: bool = Field(False, description="Run Python code that comes with a hub model")
    digest: Annotated[str | None, Option("model_digest", in_python=True), Later()] = Field(
        None, description="Of a loaded model that a program gave"
    )


class QuestionsSection(Section):
    """What is asked."""

    title: ClassVar[str] = "Questions"

    name: Annotated[str, Option("questions")] = Field(
        "cities", min_length=1, description="Built-in question set, one of the paper's, or a file"
    )
    file: Annotated[Path | None, Option("questions_file")] = Field(
        None, description="The file of one of the paper's sets (movies, math, …), or the folder that holds it"
    )
    split: Annotated[Literal["train", "test"], Option("questions_split")] = Field(
        "train", description="Which split of one of the paper's sets"
    )
    limit: PositiveInt | None = Field(
        None, description="Take at most this many questions: a random subset, always the same; default: all"
    )
    skip_bad: bool = Field(False, description="Go on without the rows of the file that make no question")
    digest: Annotated[str | None, Option("questions_digest", in_python=True), Later()] = Field(
        None, description="Of questions that a program gave"
    )
    columns: Columns = Field(Columns(), description="Columns of an own question file, where not named as usual")


class AnswersSection(Section):
    """How the questions are asked and answered."""

    title: ClassVar[str] = "Answers"

    system_prompt: Annotated[str | None, Later()] = Field(
        None, min_length=1, description="What the model is told before everything else"
    )
    examples: Annotated[
        tuple[Example, ...], Option("examples", takes="FILE"), Later(), BeforeValidator(read_examples)
    ] = Field((), description="Questions with answers, shown before each question: a file such as --questions takes")
    prompt_template: Annotated[str | None, Later(), AfterValidator(_with_a_place_for_the_question)] = Field(
        None,
        description="How a question is put: {text} stands for it, {context} for its context, {options} its options; "
        "default: the set's own",
    )

    thinking: Annotated[Thinking, Later()] = Field(
        "auto",
        description="Whether the model thinks before it answers: auto (as its chat template has it), on, off, or "
        "prompted (a model that does not is asked for its reasoning in words)",
    )
    max_thinking_tokens: Annotated[PositiveInt | None, Later()] = Field(
        None,
        description="Close a thought after this many tokens; default: none is closed, and one has room for "
        f"{THINKING_ROOM:,}; prompted: {PROMPTED_THINKING}",
    )
    max_new_tokens: PositiveInt | None = Field(
        None,
        description="Longest answer in tokens, its thought included; default: the question set's own, and room for a "
        "thought",
    )
    engine: AnyEngine = Field(
        TransformersSettings(),
        description="What generates the answers: transformers (the loaded model), vllm, "
        "or openai (an OpenAI-compatible endpoint that has the same model)",
    )


class GradingSection(Section):
    """How outcome and exact answer are found."""

    title: ClassVar[str] = "Grading"

    rule: Annotated[GradingRule | None, Option("grading")] = Field(
        None, description="Rule that decides right or wrong; default: the set's own"
    )
    grader: Annotated[str | None, Option("grader_digest", in_python=True), Later()] = Field(
        None, description="Name and digest of a function that a program gave, which grades"
    )
    locating: Locating | None = Field(None, description="How the exact answer is found; default: the set's own")
    judge: str | None = Field(
        None, description="Model that grades by judge: same (the studied one), a model, or http://host/v1#model"
    )
    locator: str | None = Field(
        None, description="Model that copies exact answers: same (the studied one), a model, or http://host/v1#model"
    )
    typos: Annotated[bool, Later()] = Field(
        False, description="Take a long name with a typing error for the name, by an edit distance"
    )
    answer_key: Annotated[str | None, Later()] = Field(
        None, max_length=200, description="Key of a JSON answer that holds the answer; default: answer and its like"
    )


class SecondSection(Section):
    """Who grades the same answers again, to see what depends on the grader."""

    title: ClassVar[str] = "Grading"

    grader: Annotated[str | None, Option("second_grading")] = Field(
        None,
        min_length=1,
        description="Grade the same answers again, by another rule or by a judge (same, a model, or "
        "http://host/v1#model): how far both agree, and the AUC under both",
    )


class StatesSection(Section):
    """Which hidden states are kept."""

    title: ClassVar[str] = "Map"

    sites: Annotated[tuple[Site, ...], Option("sites", flag="site")] = Field(
        (Site.RESIDUAL,), min_length=1, description="What is read at a layer; may be given several times"
    )
    positions: Annotated[
        tuple[str, ...], Option("positions"), Later(), BeforeValidator(_split), AfterValidator(_which_are_positions)
    ] = Field(
        ("paper",),
        min_length=1,
        description="Which tokens are read: names, rules and sets, separated by commas, as exact[-1],thought[50%],"
        f"mean(final); sets: {', '.join(SETS)}",
    )
    drop_closing_token: Annotated[bool, Later()] = Field(
        False, description="Count from the last written token: the token that closes an answer is no part of it"
    )
    blocks: str | None = Field(None, description="Path of the list of blocks in the model, if it cannot be found")
    store_dtype: Annotated[StoreDtype, Later()] = Field(
        StoreDtype.AUTO,
        description="What states are stored in: auto (the model's dtype), bfloat16, or float8 (a scale for each row)",
    )
    shard: PositiveInt = Field(SHARD, description="Answers in a file of states: what a killed run repeats at most")

    @property
    def columns(self) -> tuple[Position, ...]:
        """The positions, in the order of the map's columns."""
        return chosen_positions(self.positions)


class GridSection(Section):
    """How the probes are fitted."""

    title: ClassVar[str] = "Map"

    permutations: int = Field(
        100, ge=0, description="Shuffles of the labels for the null of the whole map; 0: no p-values"
    )
    text_model: str | None = Field(
        None,
        min_length=1,
        description="Sentence-embedding model for one more text baseline: a folder, an installed package that carries "
        "one, or a hub id",
    )


class ResourcesSection(Section):
    """Where and how fast to compute; no number depends on it but by rounding."""

    title: ClassVar[str] = "Where to compute"

    device: str = Field("auto", description="auto (CUDA, MPS, CPU), or a torch device")
    device_map: str | None = Field(None, description="Spread a large model over GPUs: auto, balanced, sequential")
    batch_tokens: PositiveInt = Field(
        8192,
        description="Tokens in one batch, padding and the answers' room included; where that would be few long "
        "answers, up to 64, as far as caches and states fit into half of a GPU's memory, an eighth of a CPU's",
    )
    capture: Capturing = Field(
        "auto",
        description="What reads the hidden states: transformers (the loaded model), vllm, or auto: vllm where it "
        "answers and its states are the model's own, else transformers",
    )
    states_at: str | None = Field(
        None, min_length=1, description="Where the hidden states go: a URL that fsspec opens; default: the run folder"
    )
    cluster: str | None = Field(
        None, min_length=1, description="Do the work on a Ray cluster: auto (the running one) or its address"
    )
    workers: PositiveInt | None = Field(None, description="Workers on the cluster; default: as many as it has room for")
    gpus_per_worker: float = Field(0, ge=0, description="GPUs that each worker on the cluster gets")
    cpus_per_worker: PositiveInt = Field(1, description="CPUs that each worker on the cluster gets")
    no_preview: bool = Field(False, description="Show no first look at the map while questions are still being asked")


def require_fitting_engine(model: ModelSection, answers: AnswersSection) -> None:
    """Refuse what the engine cannot do.

    Raises:
        ValueError: it cannot read quantized weights or an adapter, or cannot close a thought.
    """
    engine = answers.engine
    if model.quantization is not None and not engine.reads_quantized:
        raise ValueError(
            f"{engine.kind} cannot read what transformers quantizes while loading; leave --quantization or --engine out"
        )
    if model.adapter is not None and not engine.reads_adapters:
        raise ValueError(
            f"{engine.kind} would load the model without its adapter: merge the two into one folder and name that, or "
            "leave --adapter or --engine out"
        )
    if answers.max_thinking_tokens is not None and not engine.closes_thoughts:
        raise ValueError(
            f"{engine.kind} cannot close a thought: leave --max-thinking-tokens out, or --engine (transformers and "
            "vllm can)"
        )
