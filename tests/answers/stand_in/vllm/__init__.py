"""As much of vLLM as truthmap calls, one prompt at a time: stands in for it where it is not installed.

`STAND_IN_FAULT` makes it fail: `start`, `generate`, or `die` (the process is gone without a word).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class SamplingParams:
    temperature: float
    top_p: float
    seed: int
    max_tokens: int
    stop_token_ids: list[int]
    ignore_eos: bool
    logprobs: int
    detokenize: bool


@dataclass(frozen=True)
class Logprob:
    logprob: float


@dataclass(frozen=True)
class CompletionOutput:
    token_ids: tuple[int, ...]
    logprobs: list[dict[int, Logprob]]


@dataclass(frozen=True)
class RequestOutput:
    outputs: list[CompletionOutput]


class LLM:
    def __init__(
        self,
        model: str,
        *,
        revision: str | None,
        trust_remote_code: bool,
        dtype: str,
        seed: int,
        max_model_len: int,
        tensor_parallel_size: int,
        distributed_executor_backend: str,
        enable_prefix_caching: bool,
        skip_tokenizer_init: bool,
        logprobs_mode: str,
        enforce_eager: bool,
        enable_chunked_prefill: bool,
        gpu_memory_utilization: float = 0.9,
    ) -> None:
        sys.stdout.write("this must not come between the answers\n")
        assert (enable_prefix_caching, skip_tokenizer_init, logprobs_mode) == (True, True, "raw_logprobs")
        if os.environ.get("STAND_IN_FAULT") == "start":
            raise ValueError("no room for the cache")
        if "STAND_IN_FAULT" in os.environ:
            return
        from transformers import AutoModelForCausalLM

        self._model = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype))
        self._longest = max_model_len

    def generate(
        self, prompts: Sequence[dict[str, list[int]]], params: Sequence[SamplingParams], use_tqdm: Callable[..., Any]
    ) -> list[RequestOutput]:
        if os.environ.get("STAND_IN_FAULT") == "generate":
            raise RuntimeError("the device is lost")
        if os.environ.get("STAND_IN_FAULT") == "die":
            os._exit(9)
        for _ in use_tqdm(prompts, desc="taking in"):
            pass
        bar = use_tqdm(total=len(prompts), desc="answering")
        found = []
        for prompt, its_own in zip(prompts, params, strict=True):
            assert len(prompt["prompt_token_ids"]) + its_own.max_tokens <= self._longest
            found.append(RequestOutput([self._complete(prompt["prompt_token_ids"], its_own)]))
            bar.update(1)
        bar.close()
        return found

    @torch.inference_mode()
    def _complete(self, prompt: list[int], params: SamplingParams) -> CompletionOutput:
        generator = torch.Generator().manual_seed(params.seed)
        ids: list[int] = []
        log_probs = []
        while len(ids) < params.max_tokens and (not ids or ids[-1] not in params.stop_token_ids):
            logits = self._model(torch.tensor([[*prompt, *ids]])).logits[0, -1].float()
            token = int(logits.argmax())
            if params.temperature:
                token = int(torch.multinomial((logits / params.temperature).softmax(-1), 1, generator=generator))
            log_probs.append({token: Logprob(float(logits.log_softmax(-1)[token]))})
            ids.append(token)
        return CompletionOutput(tuple(ids), log_probs)
