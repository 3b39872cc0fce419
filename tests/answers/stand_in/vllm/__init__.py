"""As much of vLLM as truthmap calls, one request after the other: stands in for it where it is not installed.

`STAND_IN_FAULT` makes it fail: `start`, `generate`, or `die` (the process is gone without a word). `STAND_IN_BLOCK` is
how many tokens lie in a block of its cache: what another request has computed of whole blocks is not computed again, so
that no hook sees it. `STAND_IN_SHIFT` is added to what every block puts out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.model_executor.layers.linear import RowParallelLinear
from vllm.sampling_params import RequestOutputKind


@dataclass(frozen=True)
class SamplingParams:
    max_tokens: int
    ignore_eos: bool
    detokenize: bool
    output_kind: RequestOutputKind
    extra_args: dict[str, Any] | None
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    stop_token_ids: Sequence[int] = ()
    skip_reading_prefix_cache: bool = False


@dataclass(frozen=True)
class Logprob:
    logprob: float


@dataclass(frozen=True)
class CompletionOutput:
    token_ids: tuple[int, ...]
    logprobs: list[dict[int, Logprob]]


@dataclass(frozen=True)
class RequestOutput:
    request_id: str
    outputs: list[CompletionOutput]
    finished: bool
    prompt_logprobs: list[dict[int, Logprob] | None] | None = None


@dataclass
class Request:
    number: str
    ids: list[int]
    params: SamplingParams
    generator: torch.Generator
    n_computed: int
    n_new: int = 0


class Worker:
    """What a recorder of states is mixed into."""

    rank = 0

    def __init__(self, model: torch.nn.Module) -> None:
        self.model_runner = SimpleNamespace(
            get_model=lambda: model, input_batch=None, query_start_loc=None, requests={}, device=torch.device("cpu")
        )
        config = model.config
        self.parallel_config = SimpleNamespace(tensor_parallel_size=1)
        self.model_config = SimpleNamespace(
            get_total_num_hidden_layers=lambda: config.num_hidden_layers,
            get_hidden_size=lambda: config.hidden_size,
            dtype=model.dtype,
        )


@dataclass
class Engine:
    """Computes a request at each step, in turn; at most `step` tokens at once, where that is set."""

    model: torch.nn.Module
    worker: Worker
    longest: int
    step_tokens: int | None
    block: int
    waiting: list[Request] = field(default_factory=list)
    computed: set[tuple[int, ...]] = field(default_factory=set)

    @property
    def vllm_config(self) -> SimpleNamespace:
        return SimpleNamespace(cache_config=SimpleNamespace(block_size=self.block))

    def add_request(self, number: str, prompt: dict[str, list[int]], params: SamplingParams) -> None:
        if os.environ.get("STAND_IN_FAULT") == "generate":
            raise RuntimeError("the device is lost")
        if os.environ.get("STAND_IN_FAULT") == "die":
            os._exit(9)
        ids = list(prompt["prompt_token_ids"])
        assert len(ids) + params.max_tokens <= self.longest
        assert params.output_kind is RequestOutputKind.DELTA
        cached = 0 if params.skip_reading_prefix_cache else self._cached(ids)
        self.waiting.append(Request(number, ids, params, torch.Generator().manual_seed(params.seed or 0), cached))

    def has_unfinished_requests(self) -> bool:
        return bool(self.waiting)

    def get_num_unfinished_requests(self) -> int:
        return len(self.waiting)

    def abort_request(self, numbers: list[str]) -> None:
        self.waiting = [request for request in self.waiting if request.number not in numbers]

    def step(self) -> list[RequestOutput]:
        request = self.waiting.pop(0)
        self.waiting.append(request)
        end = min(len(request.ids), request.n_computed + (self.step_tokens or self.longest))
        every = self._forward(request, end)
        logits = every[-1]
        request.n_computed = end
        if end < len(request.ids):
            return []
        for stop in range(self.block, end + 1, self.block):
            self.computed.add(tuple(request.ids[:stop]))
        params = request.params
        token = int(logits.argmax())
        if params.temperature:
            token = int(torch.multinomial((logits / params.temperature).softmax(-1), 1, generator=request.generator))
        request.ids.append(token)
        request.n_new += 1
        finished = request.n_new == params.max_tokens or token in params.stop_token_ids
        if finished:
            self.waiting.remove(request)
        told = None
        if params.prompt_logprobs is not None and request.n_new == 1:
            read = every.log_softmax(-1)
            told = [None, *({i: Logprob(float(read[t, i]))} for t, i in enumerate(request.ids[1:-1]))]
        chosen = CompletionOutput((token,), [{token: Logprob(float(logits.log_softmax(-1)[token]))}])
        return [RequestOutput(request.number, [chosen], finished, told)]

    def _cached(self, ids: list[int]) -> int:
        whole = range(self.block, len(ids), self.block)  # the last token is always computed
        return max((stop for stop in whole if tuple(ids[:stop]) in self.computed), default=0)

    @torch.inference_mode()
    def _forward(self, request: Request, end: int) -> torch.Tensor:
        """Compute a request's next tokens; those before them are computed, too, as rows that belong to nobody."""
        runner, name = self.worker.model_runner, f"{request.number}-1"
        n_prompt = len(request.ids) - request.n_new
        runner.requests = {name: SimpleNamespace(sampling_params=request.params, num_prompt_tokens=n_prompt)}
        runner.input_batch = SimpleNamespace(req_ids=[name], num_computed_tokens_cpu=np.array([request.n_computed]))
        runner.query_start_loc = SimpleNamespace(np=np.array([request.n_computed, end]))
        return self.model(torch.tensor([request.ids[:end]])).logits[0].float()


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
        worker_extension_cls: str | None = None,
        max_num_batched_tokens: int | None = None,
        max_num_seqs: int = 256,
    ) -> None:
        sys.stdout.write("this must not come between the answers\n")
        assert (enable_prefix_caching, skip_tokenizer_init, logprobs_mode) == (True, True, "raw_logprobs")
        if os.environ.get("STAND_IN_FAULT") == "start":
            raise ValueError("no room for the cache")
        loaded = torch.nn.Linear(1, 1) if "STAND_IN_FAULT" in os.environ else _loaded(model, dtype)
        kind = Worker
        if worker_extension_cls is not None:
            assert enforce_eager
            module, _, name = worker_extension_cls.rpartition(".")
            kind = type("Mixed", (Worker, getattr(import_module(module), name)), {})
        self._worker = kind(loaded) if "STAND_IN_FAULT" not in os.environ else None
        block = int(os.environ.get("STAND_IN_BLOCK", "16"))
        self.llm_engine = Engine(loaded, self._worker, max_model_len, max_num_batched_tokens, block)

    def collective_rpc(self, method: str, args: tuple[Any, ...] = ()) -> list[Any]:
        return [getattr(self._worker, method)(*args)]


def _loaded(folder: str, dtype: str) -> torch.nn.Module:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    shift = float(os.environ.get("STAND_IN_SHIFT", "0"))
    for block in model.model.layers:
        block.self_attn.add_module("attn", AttentionLayerBase())
        for projection in (block.self_attn.o_proj, block.mlp.down_proj):
            projection.__class__ = RowParallelLinear
        for matrix in (m for m in block.modules() if isinstance(m, torch.nn.Linear)):
            # As vLLM does on a CPU, matrices are packed and are no parameters any more.
            vars(matrix)["weight"] = matrix._parameters.pop("weight").detach()
        if shift:
            block.register_forward_hook(lambda _module, _inputs, output: output + shift)
    return model
