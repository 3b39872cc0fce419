"""What vLLM is started with."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.records import Site


@dataclass(frozen=True)
class VllmLaunch:
    """What vLLM is started with.

    Attributes:
        source: Folder or hub id of the model.
        revision: Revision of a hub model.
        dtype: What the model computes in, by torch's name.
        trust_remote_code: Run the Python code that comes with a hub model.
        longest: Tokens of the longest prompt with its answer; the room that each sequence is given.
        tensor_parallel: GPUs that share the model.
        gpu_memory: Share of a GPU's memory that vLLM takes; `None`: vLLM's own default.
        sites: Where hidden states may be asked for; none: vLLM may compile its blocks.
        step_tokens: Tokens that vLLM computes at once, so that longer prompts are cut; `None`: as it likes.
    """

    source: str
    revision: str | None
    dtype: str
    trust_remote_code: bool
    longest: int
    tensor_parallel: int = 1
    gpu_memory: float | None = None
    sites: tuple[Site, ...] = ()
    step_tokens: int | None = None
