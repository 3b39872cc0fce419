"""vLLM in a process of its own: settings and prompts come in as lines of JSON, answers go out as lines of JSON.

Started by `VllmEngine` as a script; it imports nothing of truthmap. When it ends, all memory that vLLM held is free;
what vLLM does to the process it lives in (signals, threads, loggers, standard output) happens here only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TextIO

from tqdm import tqdm

Tell = Callable[[Mapping[str, Any]], None]


class _Progress(tqdm):  # type: ignore[misc]  # tqdm has no types
    """vLLM's bar, which draws nothing and tells how many prompts are answered."""

    def __init__(self, *args: Any, tell: Tell, **options: Any) -> None:
        self._tell = tell
        super().__init__(*args, **options)

    def display(self, *_args: Any, **_options: Any) -> bool:
        """Draw nothing."""
        return True

    def update(self, n: float | None = 1) -> None:
        """Count, and tell it."""
        super().update(n)
        if self.iterable is None:  # vLLM also counts the prompts that it takes in; that is no progress
            self._tell({"done": int(self.n)})


def main() -> None:
    """Start vLLM with the settings on the first line; answer every line of prompts after it."""
    # Whatever vLLM and its libraries print goes to standard error, not among the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    tell: Tell = partial(_tell, out)
    settings = json.loads(sys.stdin.readline())
    llm = _start(settings)
    tell({"ready": True})
    for line in sys.stdin:
        tell({"answers": _answer(llm, settings["stop_ids"], json.loads(line), tell)})


def _tell(out: TextIO, message: Mapping[str, Any]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _start(settings: Mapping[str, Any]) -> Any:
    from vllm import LLM
    from vllm.platforms import current_platform

    alone = settings["tensor_parallel"] == 1
    # On a CPU compiling takes longer than it saves, and vLLM (0.32) cannot seed requests whose prompts come in pieces.
    on_cpu = {"enforce_eager": True, "enable_chunked_prefill": False} if current_platform.is_cpu() else {}
    memory = {} if settings["gpu_memory"] is None else {"gpu_memory_utilization": settings["gpu_memory"]}
    return LLM(
        model=settings["source"],
        revision=settings["revision"],
        trust_remote_code=settings["trust_remote_code"],
        dtype=settings["dtype"],
        seed=0,
        max_model_len=settings["longest"],
        tensor_parallel_size=settings["tensor_parallel"],
        distributed_executor_backend="uni" if alone else "mp",
        enable_prefix_caching=True,
        skip_tokenizer_init=True,  # ids in, ids out
        logprobs_mode="raw_logprobs",  # the model's own, before temperature and top_p
        **on_cpu,
        **memory,
    )


def _answer(llm: Any, stop_ids: Sequence[int], asked: Mapping[str, Any], tell: Tell) -> list[dict[str, Any]]:
    from vllm import SamplingParams

    params = [
        SamplingParams(
            temperature=asked["temperature"],
            top_p=asked["top_p"],
            seed=seed,
            max_tokens=most,
            stop_token_ids=list(stop_ids),
            ignore_eos=True,  # the ids that close an answer are all among `stop_token_ids`
            logprobs=0,  # of the chosen token alone
            detokenize=False,
        )
        for seed, most in zip(asked["seeds"], asked["most"], strict=True)
    ]
    prompts = [{"prompt_token_ids": ids} for ids in asked["prompts"]]
    answers = []
    for output in llm.generate(prompts, params, use_tqdm=partial(_Progress, tell=tell)):
        ids = [int(i) for i in output.outputs[0].token_ids]
        log_probs = [float(each[i].logprob) for i, each in zip(ids, output.outputs[0].logprobs, strict=True)]
        answers.append({"ids": ids, "log_probs": log_probs})
    return answers


if __name__ == "__main__":
    main()
