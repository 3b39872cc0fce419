"""vLLM in a process of its own: settings and prompts come in as lines of JSON, answers go out as lines of JSON.

Started by `VllmEngine` as a script; it imports nothing of truthmap. When it ends, all memory that vLLM held is free;
what vLLM does to the process it lives in (signals, threads, loggers, standard output) happens here only. Hidden states
do not pass through it: vLLM's workers write them into memory that is shared with whoever started it (`vllm_worker`).
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from queue import SimpleQueue
from typing import Any, TextIO

Tell = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Do what is asked for on standard input, as `run` has it."""
    # Whatever vLLM and its libraries print goes to standard error, not among the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    run(sys.stdin, partial(_tell, out))


def run(lines: TextIO, tell: Tell) -> None:
    """Start vLLM with the settings on the first line; do what every line after it asks."""
    settings = json.loads(lines.readline())
    llm = _start(settings)
    host = _Host(llm, frozenset(settings["stop_ids"]), tell, lines)
    tell({"ready": host.installed(settings["sites"]), "block": int(llm.llm_engine.vllm_config.cache_config.block_size)})
    for line in lines:
        asked = json.loads(line)
        tell({"done_with": getattr(host, asked["do"])(asked)})


def _tell(out: TextIO, message: Mapping[str, Any]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _start(settings: Mapping[str, Any]) -> Any:
    from vllm import LLM
    from vllm.platforms import current_platform

    alone = settings["tensor_parallel"] == 1
    # On a CPU compiling takes longer than it saves, and vLLM (0.32) cannot seed requests whose prompts come in pieces.
    options: dict[str, Any] = (
        {"enforce_eager": True, "enable_chunked_prefill": False} if current_platform.is_cpu() else {}
    )
    if settings["extension"] is not None:
        # Compiled blocks call no hooks.
        options |= {"enforce_eager": True, "worker_extension_cls": settings["extension"]}
    if settings["step_tokens"] is not None:
        tokens = settings["step_tokens"]
        options |= {"enable_chunked_prefill": True, "max_num_batched_tokens": tokens, "max_num_seqs": min(tokens, 256)}
    if settings["gpu_memory"] is not None:
        options["gpu_memory_utilization"] = settings["gpu_memory"]
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
        **options,
    )


@dataclass
class _Growing:
    """An answer while it grows.

    Attributes:
        most: Tokens that it may have.
        fed: Its last token, too, is read by the model, so that it has states: it goes on for one more.
        length: How many of its tokens are the answer; `None`: it is not over.
    """

    most: int
    stop_ids: frozenset[int]
    fed: bool
    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    length: int | None = None

    def __post_init__(self) -> None:
        self.length = None if self.most else 0

    def take(self, token: int, log_prob: float = math.nan) -> None:
        """Take in a token that vLLM has chosen."""
        self.ids.append(token)
        self.log_probs.append(log_prob)
        if self.length is None and (token in self.stop_ids or len(self.ids) >= self.most):
            self.length = len(self.ids)

    @property
    def is_done(self) -> bool:
        """Whether nothing more is wanted of it."""
        return self.length is not None and len(self.ids) >= self.length + self.fed


class _Host:
    """Does what is asked for, with a vLLM."""

    def __init__(self, llm: Any, stop_ids: frozenset[int], tell: Tell, lines: TextIO) -> None:
        self._llm, self._engine = llm, llm.llm_engine
        self._stop_ids, self._tell, self._lines = stop_ids, tell, lines
        self._numbers = count()

    def installed(self, sites: Sequence[str]) -> Any:
        """Let the workers install their hooks, and say what they found."""
        return self._llm.collective_rpc("truthmap_install", args=(sites,))[0] if sites else None

    def open(self, asked: Mapping[str, Any]) -> bool:
        """Let the workers write to shared memory."""
        self._llm.collective_rpc("truthmap_open", args=(asked["path"], asked["slots"], asked["layout"]))
        return True

    def close(self, _asked: Mapping[str, Any]) -> bool:
        """Let the workers let go of shared memory."""
        self._llm.collective_rpc("truthmap_close")
        return True

    def answer(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Answer prompts; `kept` says which tokens' states are kept."""
        rows = zip(asked["prompts"], asked["seeds"], asked["most"], asked["kept"], strict=True)
        growing = {}
        for ids, seed, most, kept in rows:
            settings = {"temperature": asked["temperature"], "top_p": asked["top_p"], "seed": seed, "logprobs": 0}
            if kept is None:
                settings["stop_token_ids"] = sorted(self._stop_ids)
            number = self._add(ids, kept, max_tokens=most + (kept is not None), **settings)
            growing[number] = _Growing(most, self._stop_ids, fed=kept is not None)
        self._grow(growing)
        return [{"ids": a.ids[: a.length], "log_probs": a.log_probs[: a.length]} for a in growing.values()]

    def read(self, asked: Mapping[str, Any]) -> list[list[float]]:
        """Read sequences once and keep states of their tokens.

        Returns:
            For each sequence the log-probabilities of its tokens from number `scored` on; none where that is `None`.
        """
        places: dict[str, tuple[int, list[int], int | None]] = {}
        rows = zip(asked["sequences"], asked["kept"], asked["fresh"], asked["scored"], strict=True)
        for n, (ids, kept, fresh, scored) in enumerate(rows):
            # What another request has computed may have been computed without states.
            settings = {"max_tokens": 1, "temperature": 0, "skip_reading_prefix_cache": fresh}
            if scored is not None:
                settings["prompt_logprobs"] = 0  # of the token that is there
            places[self._add(ids, kept, **settings)] = (n, ids, scored)
        found: list[list[float]] = [[] for _ in places]
        done = set()
        for output in self._outputs():
            n, ids, scored = places[output.request_id]
            if scored is not None and output.prompt_logprobs:
                log_probs = output.prompt_logprobs
                found[n] = [float(log_probs[t][ids[t]].logprob) for t in range(scored, len(ids))]
            done.add(n)
            self._tell({"done": len(done)})
        if any(kept is not None for kept in asked["kept"]):
            self._settle()
        return found

    def call(self, asked: Mapping[str, Any]) -> Any:
        """Let the workers do something, and return what the first of them says."""
        return self._llm.collective_rpc(asked["method"], args=tuple(asked["args"]))[0]

    def serve(self, _asked: Mapping[str, Any]) -> bool:
        """Answer what comes, as it comes, until nothing can come any more.

        Lines in: `add`, requests; `abort`, numbers of requests. Lines out: `news`, `[number, tokens, over]` each. A
        token that vLLM has chosen is told once those before it have been read; a request is over once all have.
        """
        lines: SimpleQueue[str | None] = SimpleQueue()
        threading.Thread(target=_read_lines, args=(self._lines, lines), daemon=True).start()
        growing: dict[str, _Growing] = {}
        while True:
            came = [] if self._engine.has_unfinished_requests() else [lines.get()]
            while not lines.empty():
                came.append(lines.get())
            aborted: list[list[Any]] = []
            for line in came:
                if line is None:
                    return True
                aborted.extend(self._take_line(json.loads(line), growing))
            # What was aborted is over once nothing that was begun for it can still be written.
            news = [*self._advance(growing), *aborted]
            if news:
                self._tell({"news": news})

    def _take_line(self, line: Mapping[str, Any], growing: dict[str, _Growing]) -> list[list[Any]]:
        """Begin and end requests; return news of those that end."""
        ended: list[list[Any]] = []
        for asked in line.get("add", ()):
            number, most = str(asked["number"]), int(asked["most"])
            growing[number] = _Growing(most, self._stop_ids, fed=True)
            settings = {name: asked[name] for name in ("temperature", "top_p", "seed")}
            try:
                settings |= {"max_tokens": most + 1, "skip_reading_prefix_cache": asked["fresh"]}
                self._add(asked["ids"], asked["read"], number, **settings)
            except Exception as error:  # noqa: BLE001 - one request that vLLM does not take is no reason to fail all
                del growing[number]
                ended.append([int(number), [], True, f"{type(error).__name__}: {error}"[:500]])
        gone = [str(number) for number in line.get("abort", ()) if str(number) in growing]
        self._engine.abort_request(gone)
        for number in gone:
            del growing[number]
            ended.append([int(number), [], True])
        return ended

    def _advance(self, growing: dict[str, _Growing]) -> list[list[Any]]:
        """Compute one step, and return what came of it."""
        news: list[list[Any]] = []
        for output in self._engine.step() if self._engine.has_unfinished_requests() else ():
            answer = growing.get(output.request_id)
            if answer is None:
                continue
            before = len(answer.ids)
            for token in output.outputs[0].token_ids:
                answer.take(int(token))
            over = answer.is_done or output.finished
            if over:
                del growing[output.request_id]
                if not output.finished:
                    self._engine.abort_request([output.request_id])
            news.append([int(output.request_id), answer.ids[before : answer.length], over])
        return news

    def _add(self, ids: Sequence[int], kept: Any, number: str | None = None, **settings: Any) -> str:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            ignore_eos=True,  # the ids that close an answer are all among `stop_token_ids`
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            extra_args=None if kept is None else {"truthmap": kept},
            **settings,
        )
        number = str(next(self._numbers)) if number is None else number
        self._engine.add_request(number, {"prompt_token_ids": ids}, params)
        return number

    def _outputs(self) -> Iterator[Any]:
        while self._engine.has_unfinished_requests():
            yield from self._engine.step()

    def _grow(self, growing: Mapping[str, _Growing]) -> None:
        done: set[str] = set()
        for output in self._outputs():
            answer, (new,) = growing[output.request_id], output.outputs
            for i, each in zip(new.token_ids, new.logprobs, strict=True):
                answer.take(int(i), float(each[i].logprob))
            if answer.is_done and not output.finished:
                self._engine.abort_request([output.request_id])
            if (answer.is_done or output.finished) and output.request_id not in done:
                done.add(output.request_id)
                self._tell({"done": len(done)})
        if any(answer.fed for answer in growing.values()):
            self._settle()

    def _settle(self) -> None:
        """Wait until every worker has written the states of what it has computed."""
        self._llm.collective_rpc("truthmap_settle")


def _read_lines(source: TextIO, lines: SimpleQueue[str | None]) -> None:
    for line in iter(source.readline, ""):
        lines.put(line)
    lines.put(None)


if __name__ == "__main__":
    main()
