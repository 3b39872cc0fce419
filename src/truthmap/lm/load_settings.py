"""How a model is to be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PromptFormat = Literal["auto", "chat", "plain"]
Quantization = Literal["8bit", "4bit"]


@dataclass(frozen=True)
class LoadSettings:
    """How to load a model; the defaults suit a machine with or without a GPU.

    Attributes:
        revision: Revision (branch, tag, commit) of a hub model.
        device: `auto` takes CUDA, then MPS, then the CPU; or any torch device.
        dtype: `auto` is bfloat16 on CUDA and MPS, float32 on a CPU; or a torch dtype's name.
        device_map: Spread a model larger than one GPU (`auto`, `balanced`, `sequential`).
        quantization: Load the weights in 8 or 4 bits; needs `truthmap[gpu]` and a CUDA device.
        trust_remote_code: Run the Python code that comes with a hub model.
        prompt_format: `auto` asks in the chat template if the tokenizer has one, else plainly.
        blocks: Module path of the list of blocks (`model.layers`), where it cannot be found.
    """

    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    device_map: str | None = None
    quantization: Quantization | None = None
    trust_remote_code: bool = False
    prompt_format: PromptFormat = "auto"
    blocks: str | None = None
