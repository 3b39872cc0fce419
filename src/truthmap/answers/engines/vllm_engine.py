"""vLLM as engine: prompts go to it as ids, answers come back as ids, and hidden states lie in memory that is shared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch

from truthmap.answers.decoding import DecodeRow
from truthmap.answers.engines.vllm_launch import VllmLaunch
from truthmap.answers.engines.vllm_process import VllmProcess
from truthmap.answers.engines.vllm_states import KeptTokens, SharedStates, Spans, StatesLayout, VllmTokenStates
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.answers.thought_budget import ThoughtWatch
from truthmap.answers.to_answer import answer_of, ends_answer, fits, unanswered
from truthmap.arrays import Ints32
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel
from truthmap.lm.sizes import device_memory
from truthmap.records import Answer, Site
from truthmap.seeding import seed_from

_RECORDER = "truthmap.answers.engines.vllm_worker.StateRecorder"
_SHARE = 1 / 8
"""Share of the machine's memory that states may take while they wait to be picked from."""
_FEW = 64
"""Where fewer answers than so many would fit with their states, answering without them and reading again is faster."""


class VllmEngine:
    """The studied model in vLLM, in a process of its own that ends with `close`.

    Args:
        lm: The model as far as tokens go; it needs no weights.
        settings: How to start vLLM.
        memory: Bytes that states may take while they wait to be picked from; by default a share of the machine's.

    Raises:
        ModelError: vLLM cannot be started with this model.

    Attributes:
        block: Tokens in a block of its prefix cache.
        layout: What states there are.
        fault: Why it gives no states although they were asked for.
    """

    def __init__(self, lm: LanguageModel, settings: VllmLaunch, memory: int | None = None) -> None:
        self._lm = lm
        self._room = int(device_memory(torch.device("cpu")) * _SHARE) if memory is None else memory
        asked = {**asdict(settings), "longest": settings.longest + 1}  # one more is chosen, and thrown away
        stop_ids, extension = sorted(lm.stop_ids | lm.line_ids), _RECORDER if settings.sites else None
        self._process = VllmProcess({**asked, "stop_ids": stop_ids, "extension": extension})
        self.block = int(self._process.ready["block"])
        self.layout, self.fault = _layout(self._process.ready["ready"])

    @property
    def ended(self) -> bool:
        """Whether vLLM's process is gone."""
        return self._process.ended

    @property
    def reader(self) -> VllmEngine | None:
        """Who reads sequences for their states: itself, if it gives any."""
        return self if self.layout.widths and self.fault is None else None

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerateSettings,
        sites: tuple[Site, ...] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Answer prompts: all in one batch, or in as few as their states leave memory for.

        A draw depends on (seed, question, sample) by vLLM's own generator: other tokens than the local engine draws.
        """
        lm = self._lm
        short = [p for p in prompts if fits(lm, p, settings)]
        done = len(prompts) - len(short)
        size = self._batch_size(len(short), 1 + settings.max_new_tokens) if sites and self.reader else 0
        if done:
            yield GeneratedBatch(tuple(unanswered(p) for p in prompts if not fits(lm, p, settings)), None)
        for start in range(0, len(short), size or max(1, len(short))):
            part = short[start : start + size] if size else short
            kept = [[(len(p.prompt_ids) - 1, len(p.prompt_ids) + settings.max_new_tokens)] for p in part]
            shared = self._share(kept) if size else None
            rows = self._grown(part, settings, shared, partial(_tell, on_progress, done))
            done += len(part)
            answers = tuple(
                answer_of(lm, p, row.ids, row.log_probs, finished=row.finished)
                for p, row in zip(part, rows, strict=True)
            )
            yield GeneratedBatch(answers, None if shared is None else self._states_of(answers, shared))

    @property
    def scorer(self) -> VllmEngine:
        """Who gives log-probabilities to ready answers: itself."""
        return self

    def score(
        self,
        answers: Sequence[Answer],
        sites: tuple[Site, ...] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Give answers the log-probabilities of their tokens, in one prefill that keeps their states."""
        read = [answer for answer in answers if answer.answer_ids]
        done = len(answers) - len(read)
        if done:
            yield GeneratedBatch(tuple(answer for answer in answers if not answer.answer_ids), None)
        longest = max((len(answer.answer_ids) for answer in read), default=0)
        size = self._batch_size(len(read), 1 + longest) if sites and self.reader else 0
        for start in range(0, len(read), size or max(1, len(read))):
            part = read[start : start + size] if size else read
            spans = [[(len(a.prompt_ids) - 1, len(a.prompt_ids) + len(a.answer_ids))] for a in part]
            shared = self._share(spans) if size else None
            asked = {
                "sequences": [a.prompt_ids + a.answer_ids for a in part],
                "kept": [None if shared is None else shared.kept.told(n) for n in range(len(part))],
                "fresh": [True] * len(part),
                "scored": [len(a.prompt_ids) for a in part],
            }
            replies = self._process.ask("read", asked, partial(_tell, on_progress, done))
            done += len(part)
            found = tuple(replace(a, log_probs=tuple(own)) for a, own in zip(part, replies, strict=True))
            yield GeneratedBatch(found, None if shared is None else self._states_of(found, shared))

    def read(
        self,
        sequences: Sequence[Sequence[int]],
        kept: Sequence[Spans],
        on_progress: Callable[[int], None] | None = None,
    ) -> SharedStates:
        """Read sequences once and keep the states of some of their tokens.

        Args:
            sequences: Token ids; what stands behind the last token that is kept is not read.
            kept: Which tokens of each; none is empty.
            on_progress: Called with how many sequences are done so far.

        Raises:
            ModelError: vLLM has ended, or does not give some of the states.
        """
        shared = self._share(kept)
        ids = [list(each[: spans[-1][1]]) for each, spans in zip(sequences, kept, strict=True)]
        # What lies in the first block of a sequence can only be had from the cache, where it has no states.
        fresh = [spans[0][0] < self.block for spans in kept]
        self._read(ids, shared, fresh, on_progress)
        self._complete(sequences, shared, range(len(ids)))
        return shared

    def most_tokens(self) -> int:
        """Return of how many tokens the states have room to wait."""
        return max(1, self._room // self.layout.token_bytes)

    def close(self) -> None:
        """End vLLM's process, and with it all that it holds."""
        self._process.close()

    def _batch_size(self, wanted: int, tokens: int) -> int:
        """Return how many answers are generated together with their states; 0: none is."""
        size = min(wanted, self.most_tokens() // tokens)
        return size if size >= min(_FEW, wanted) else 0

    def _share(self, kept: Sequence[Spans]) -> SharedStates:
        shared = SharedStates(KeptTokens(kept), self.layout)
        with shared.opened() as path:
            where = {"path": path, "slots": shared.kept.n_slots, "layout": self.layout.sites}
            self._process.ask("open", where)
        return shared

    def _grown(
        self,
        prompts: Sequence[Prompt],
        settings: GenerateSettings,
        shared: SharedStates | None,
        on_progress: Callable[[int], None],
    ) -> list[DecodeRow]:
        """Return the answers to prompts: asked for until each has ended."""
        lm, rows = self._lm, [DecodeRow() for _ in prompts]
        growing = list(range(len(prompts)))
        watches = [ThoughtWatch(lm, p.prompt_ids) for p in prompts] if settings.max_thinking_tokens else []
        while growing:
            done = len(prompts) - len(growing)
            replies = self._process.ask(
                "answer",
                {
                    "prompts": [[*prompts[n].prompt_ids, *rows[n].ids] for n in growing],
                    "most": [room_for(settings, rows[n], watches[n] if watches else None) for n in growing],
                    "seeds": [_seed(settings, prompts[n], rows[n]) for n in growing],
                    "kept": [None if shared is None else shared.kept.told(n) for n in growing],
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
        return rows

    def _states_of(self, answers: Sequence[Answer], shared: SharedStates) -> VllmTokenStates:
        sequences = [a.prompt_ids + a.answer_ids for a in answers]

        def complete(ranges: Ints32, rows: Sequence[int]) -> None:
            slots, lengths = shared.kept.slots(ranges, rows), ranges[..., 1] - ranges[..., 0]
            lacking = {row for row, seen in zip(rows, shared.seen(slots, lengths), strict=True) if not seen.all()}
            self._complete(sequences, shared, sorted(lacking))

        return VllmTokenStates(
            tuple(a.key for a in answers),
            tuple(len(a.prompt_ids) for a in answers),
            tuple(len(a.answer_ids) for a in answers),
            shared,
            complete,
        )

    def _complete(self, sequences: Sequence[Sequence[int]], shared: SharedStates, wanted: Sequence[int]) -> None:
        """Read again, from their first token on, the sequences of which some token has no states."""
        ends = [min(len(sequences[n]), shared.kept.spans[n][-1][1]) for n in wanted]
        spans = {
            n: [(start, min(stop, end)) for start, stop in shared.kept.spans[n] if start < end]
            for n, end in zip(wanted, ends, strict=True)
        }
        lacking = [n for n, own in spans.items() if not shared.has(n, own)]
        if not lacking:
            return
        again = self._share([spans[n] for n in lacking])
        ids = [list(sequences[n][: spans[n][-1][1]]) for n in lacking]
        self._read(ids, again, [True] * len(ids), None)
        if not all(again.has(place, own) for place, own in enumerate(again.kept.spans)):
            raise ModelError(
                "vLLM does not give the hidden states of all tokens that it was asked for; let transformers read them: "
                "--capture transformers"
            )
        shared.copy_from(again, list(enumerate(lacking)))

    def _read(
        self,
        ids: Sequence[Sequence[int]],
        shared: SharedStates,
        fresh: Sequence[bool],
        on_progress: Callable[[int], None] | None,
    ) -> None:
        kept = [shared.kept.told(n) for n in range(len(ids))]
        asked = {"sequences": ids, "kept": kept, "fresh": fresh, "scored": [None] * len(ids)}
        self._process.ask("read", asked, on_progress)


def _layout(found: Mapping[str, Any] | None) -> tuple[StatesLayout, str | None]:
    """Return what states vLLM gives, and why it does not give some that it was asked for."""
    if found is None:
        return StatesLayout(0, "float32", {}), None
    faults = [f"site {site}: {width}" for site, width in found["sites"].items() if isinstance(width, str)]
    widths = {Site(site): width for site, width in found["sites"].items() if isinstance(width, int)}
    return StatesLayout(found["layers"], found["dtype"], widths), "; ".join(faults) or None


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
