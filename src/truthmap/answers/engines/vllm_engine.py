"""vLLM as engine: prompts go to it as ids, answers come back as ids with the log-probabilities of the chosen tokens."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess  # this Python, with fixed arguments
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from truthmap.answers.decoding import DecodeRow
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.answers.thought_budget import ThoughtWatch
from truthmap.answers.to_answer import answer_of, ends_answer, fits, unanswered
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel
from truthmap.records import Site
from truthmap.seeding import seed_from

_HOST = Path(__file__).with_name("vllm_host.py")
_START = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
"""Starts the host by its path: as a module it would import this package, torch and all, before vLLM prepares for it."""
_PATIENCE = 30.0
"""Seconds that an idle vLLM has to end by itself."""
_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the host is a process of its own already
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB; only a vLLM that is built for CPUs reads it
}
_ERROR = re.compile(r"(?:^|\s)((?:\w+\.)*\w*(?:Error|Exception)\b.*)")
"""The last line of a traceback; worker processes put their name before it."""


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
    """

    source: str
    revision: str | None
    dtype: str
    trust_remote_code: bool
    longest: int
    tensor_parallel: int = 1
    gpu_memory: float | None = None


class VllmEngine:
    """The studied model in vLLM, in a process of its own that ends with `close`.

    Args:
        lm: The model as far as tokens go; it needs no weights.
        settings: How to start vLLM.

    Raises:
        ModelError: vLLM cannot be started with this model.
    """

    def __init__(self, lm: LanguageModel, settings: VllmLaunch) -> None:
        self._lm = lm
        self._busy = True
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed with it)
        self._process = subprocess.Popen(  # noqa: S603 (no part of it comes from outside)
            [sys.executable, "-c", _START, str(_HOST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
            env={**_ENVIRONMENT, **os.environ},
            start_new_session=True,  # Ctrl-C is for us: the shard under way is finished
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        try:
            self._send({**asdict(settings), "stop_ids": sorted(lm.stop_ids | lm.line_ids)})
            self._receive()
        except BaseException:
            self.close()
            raise
        self._busy = False

    @property
    def ended(self) -> bool:
        """Whether vLLM's process is gone."""
        return self._process.poll() is not None

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerateSettings,
        sites: tuple[Site, ...] = (),  # noqa: ARG002 (vLLM keeps no states)
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Answer prompts, all in one batch, without states.

        A draw depends on (seed, question, sample) by vLLM's own generator: other tokens than the local engine draws.
        """
        lm = self._lm
        short = [p for p in prompts if fits(lm, p, settings)]
        done = len(prompts) - len(short)
        rows = [DecodeRow() for _ in short]
        growing = list(range(len(short)))
        watches = [ThoughtWatch(lm, p.prompt_ids) for p in short] if settings.max_thinking_tokens else []
        while growing:
            replies = self._ask(
                {
                    "prompts": [[*short[n].prompt_ids, *rows[n].ids] for n in growing],
                    "most": [room_for(settings, rows[n], watches[n] if watches else None) for n in growing],
                    "seeds": [_seed(settings, short[n], rows[n]) for n in growing],
                    "temperature": settings.temperature,
                    "top_p": settings.top_p,
                },
                partial(_tell, on_progress, done),
            )
            for n, reply in zip(growing, replies, strict=True):
                rows[n].ids.extend(reply["ids"])
                rows[n].log_probs.extend(reply["log_probs"])
                rows[n].finished = ends_answer(lm, rows[n].ids[:-1], rows[n].ids[-1])
                if watches:
                    close_thought(settings, rows[n], watches[n], len(reply["ids"]))
            # vLLM ends an answer to a plain prompt at any new line; one that has not begun by then goes on.
            growing = [n for n in growing if not rows[n].finished and len(rows[n].ids) < settings.max_new_tokens]
            done = len(prompts) - len(growing)
        yield GeneratedBatch(
            (
                *(unanswered(p) for p in prompts if not fits(lm, p, settings)),
                *(
                    answer_of(lm, p, row.ids, row.log_probs, finished=row.finished)
                    for p, row in zip(short, rows, strict=True)
                ),
            ),
            None,
        )

    def close(self) -> None:
        """End vLLM's process, and with it all that it holds."""
        with suppress(OSError):
            self._to.close()
        try:
            self._process.wait(timeout=0 if self._busy else _PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._from.close()
        self._log.close()

    def _ask(self, asked: dict[str, Any], on_progress: Callable[[int], None]) -> list[dict[str, Any]]:
        self._busy = True
        self._send(asked)
        while "answers" not in (message := self._receive()):
            on_progress(message["done"])
        self._busy = False
        answers: list[dict[str, Any]] = message["answers"]
        return answers

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._to.write(json.dumps(message) + "\n")
            self._to.flush()
        except OSError as error:
            raise self._failure() from error

    def _receive(self) -> dict[str, Any]:
        line = self._from.readline()
        if not line:
            raise self._failure()
        message: dict[str, Any] = json.loads(line)
        return message

    def _failure(self) -> ModelError:
        """Say why vLLM's process ended, by the last error that it wrote."""
        code = self._process.wait()
        self._log.seek(0)
        errors = [found[1] for found in map(_ERROR.search, self._log) if found is not None]
        reason = errors[-1].strip() if errors else f"exit code {code}"
        return ModelError(
            f"vLLM has ended ({reason[:500]}): see that it takes this model, and that the GPUs have room for it "
            "(--tensor-parallel, --gpu-memory), or leave --engine out; then start the same command again to go on"
        )


def _tell(on_progress: Callable[[int], None] | None, before: int, answered: int) -> None:
    if on_progress is not None:
        on_progress(before + answered)


def room_for(settings: GenerateSettings, row: DecodeRow, watch: ThoughtWatch | None) -> int:
    """Return how many tokens may come next: to the end of the answer, or until its thought must be closed."""
    left = settings.max_new_tokens - len(row.ids)
    if watch is None or settings.max_thinking_tokens is None or (watch.n_tokens and watch.pair is None):
        return left
    return min(left, max(1, settings.max_thinking_tokens - watch.n_tokens))


def close_thought(settings: GenerateSettings, row: DecodeRow, watch: ThoughtWatch, n_new: int) -> None:
    """Close a thought that is too long, or with which the answer would end; nobody tells those tokens' probability."""
    assert settings.max_thinking_tokens is not None
    for token in row.ids[len(row.ids) - n_new :]:
        watch.take(token)
    if watch.pair is None or not (row.finished or watch.n_tokens >= settings.max_thinking_tokens):
        return
    if row.finished:
        row.ids.pop()
        row.log_probs.pop()
        row.finished = False
    watch.close()
    while len(row.ids) < settings.max_new_tokens and (forced := watch.next_forced()) is not None:
        row.ids.append(forced)
        row.log_probs.append(math.nan)
        watch.take(forced)


def _seed(settings: GenerateSettings, prompt: Prompt, row: DecodeRow) -> int:
    return seed_from("vllm", settings.seed, prompt.question_id, prompt.sample, len(row.ids))
