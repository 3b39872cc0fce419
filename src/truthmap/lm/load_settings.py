"""How a model is to be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

PromptFormat = Literal["auto", "chat", "plain"]
Quantization = Literal["8bit", "4bit"]
Thinking = Literal["auto", "on", "off", "prompted"]
"""Whether and how a model thinks before it answers: as its chat template has it, as the template is told, or because it
is asked for its reasoning in words, with the opening tag of a thought at the prompt's end."""

DATE = "2024-07-26"
"""The day that chat templates are told, unless another is chosen: always the same, so that a study begun today and one
begun tomorrow ask alike. It is the day that Llama 3's template names where it has no clock."""


def _as_text(value: Any) -> Any:
    """Return a day as it is written; YAML reads one as a date."""
    return value.isoformat() if type(value) is date else value


def _is_a_day(value: str) -> str:
    if len(value) != len(DATE) or not value.isascii():
        raise ValueError(f"expected a day such as {DATE}, got {value!r}")
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"expected a day such as {DATE}, got {value!r} ({error})") from error
    return value


Day = Annotated[str, BeforeValidator(_as_text), AfterValidator(_is_a_day)]
"""A day of the calendar as text, `2024-07-26`."""


@dataclass(frozen=True)
class LoadSettings:
    """How to load a model; the defaults suit a machine with or without a GPU.

    Attributes:
        revision: Revision (branch, tag, commit) of a hub model.
        device: `auto` takes CUDA, then MPS, then the CPU; or any torch device.
        dtype: `auto` is bfloat16 on CUDA and MPS, float32 on a CPU; or a torch dtype's name.
        device_map: Spread a model larger than one GPU (`auto`, `balanced`, `sequential`).
        quantization: Load the weights in 8 or 4 bits; needs `truthmap[gpu]` and a CUDA device.
        adapter: Folder or hub id of an adapter (peft) that is merged into the weights; needs `truthmap[adapters]`.
        trust_remote_code: Run the Python code that comes with a hub model.
        prompt_format: `auto` asks in the chat template if the tokenizer has one, else plainly.
        date: The day (`2024-07-26`) that a chat template is told where it names today's.
        thinking: Whether and how the model thinks before it answers.
        blocks: Module path of the list of blocks (`model.layers`), where it cannot be found.
    """

    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    device_map: str | None = None
    quantization: Quantization | None = None
    adapter: str | None = None
    trust_remote_code: bool = False
    prompt_format: PromptFormat = "auto"
    date: str = DATE
    thinking: Thinking = "auto"
    blocks: str | None = None
