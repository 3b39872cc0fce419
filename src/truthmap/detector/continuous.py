"""Answers that grow together in vLLM: each begins and ends when it likes, and each token comes with what was read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

from truthmap.answers.engines.vllm_stream import StreamedRequest, StreamNews, VllmStream
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.thought_budget import ThoughtWatch
from truthmap.answers.to_answer import ends_answer
from truthmap.arrays import AnyArray
from truthmap.detector.streaming import DecodedToken, GenerationRequest
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel
from truthmap.seeding import seed_from

Key = TypeVar("Key")


@dataclass
class _Growing(Generic[Key]):
    """An answer while it grows, or a given one that is only read.

    Attributes:
        key: Whose it is.
        request: What is answered.
        watch: Watches its thoughts, where they may be closed.
        ids: Its tokens.
        closed: For each token, whether the model closed the answer with it.
        is_given: It is only read.
        past_cache: Nothing is taken from the cache: what lies there was read for somebody else.
        n_read: How many slots have been handed out.
        n_given: How many of its tokens stood there when vLLM was asked last.
        slot: The first of its slots: one for the last token of the prompt, and one for each of its own.
        number: The request to vLLM that is under way for it; -1: none is.
    """

    key: Key
    request: GenerationRequest
    watch: ThoughtWatch | None = None
    ids: list[int] = field(default_factory=list)
    closed: list[bool] = field(default_factory=list)
    is_given: bool = False
    past_cache: bool = False
    n_read: int = 0
    n_given: int = 0
    slot: int = -1
    number: int = -1

    @property
    def n_slots(self) -> int:
        """How many slots it has."""
        return 1 + (len(self.ids) if self.is_given else self.request.settings.max_new_tokens)

    @property
    def is_complete(self) -> bool:
        """Whether no token will be added."""
        return self.is_given or bool(self.closed and self.closed[-1]) or len(self.ids) >= self.n_slots - 1


Came = DecodedToken | AnyArray | Exception | None
"""What comes of an answer: a token; of a given one, what was read of it; what went wrong; or that it is over."""


class ContinuousDecoder(Generic[Key]):
    """Puts answers into vLLM as they come, and hands out their tokens with what was read of each.

    Args:
        lm: The model as far as tokens go.
        stream: vLLM, which serves.
    """

    def __init__(self, lm: LanguageModel, stream: VllmStream) -> None:
        self._lm, self._stream = lm, stream
        self._growing: dict[int, _Growing[Key]] = {}
        self._lent: dict[int, tuple[int, int]] = {}
        """Slots of requests that are over once vLLM says so."""
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._growing)

    def answer(self, key: Key, request: GenerationRequest) -> bool:
        """Begin to answer a prompt; false: there is no room now.

        Raises:
            ModelError: vLLM has ended.
        """
        settings = request.settings
        watched = settings.max_thinking_tokens is not None or request.thought_enough is not None
        watch = ThoughtWatch(self._lm, request.prompt.prompt_ids) if watched else None
        return self._begin(_Growing(key, request, watch))

    def read(self, key: Key, prompt_ids: tuple[int, ...], answer_ids: tuple[int, ...]) -> bool:
        """Begin to read a given answer; false: there is no room now.

        Raises:
            ModelError: vLLM has ended.
        """
        request = GenerationRequest(Prompt("", prompt_ids), GenerateSettings(max_new_tokens=1))
        return self._begin(_Growing(key, request, ids=list(answer_ids), is_given=True, past_cache=True))

    def take(self, news: Sequence[StreamNews]) -> Iterator[tuple[Key, Came]]:
        """Yield what came of answers: their tokens in order; each ends with `None`, its states or a failure.

        Raises:
            ModelError: vLLM has ended.
        """
        for each in news:
            growing = self._growing.get(each.number)
            if growing is not None:
                yield from self._take(growing, each)
            if each.over:
                self._release(each.number)

    def failed(self, reason: Exception) -> Iterator[tuple[Key, Came]]:
        """Yield, for every answer that is under way, why it will not go on."""
        growing, self._growing = list(self._growing.values()), {}
        for each in growing:
            yield each.key, reason

    def _begin(self, growing: _Growing[Key]) -> bool:
        slot = self._stream.memory.slots.take(growing.n_slots)
        if slot is None:
            return False
        growing.slot = slot
        self._ask(growing)
        return True

    def _ask(self, growing: _Growing[Key]) -> None:
        """Let vLLM go on with an answer from where it stands; what it did for it before is ended."""
        before, growing.number = growing.number, next(self._numbers)
        abort = [before] if self._growing.pop(before, None) is not None else []
        growing.past_cache |= bool(abort)
        growing.n_given = len(growing.ids)
        self._growing[growing.number] = growing
        prompt, settings = growing.request.prompt, growing.request.settings
        most = 0 if growing.is_complete else settings.max_new_tokens - len(growing.ids)
        self._stream.send(
            [
                StreamedRequest(
                    growing.number,
                    (*prompt.prompt_ids, *growing.ids),
                    (growing.slot, growing.n_slots, len(prompt.prompt_ids) - 1),
                    most,
                    fresh=growing.past_cache,
                    temperature=settings.temperature,
                    top_p=settings.top_p,
                    seed=seed_from("vllm", settings.seed, prompt.question_id, prompt.sample, len(growing.ids)),
                )
            ],
            abort,
        )

    def _take(self, growing: _Growing[Key], news: StreamNews) -> Iterator[tuple[Key, Came]]:
        if news.fault is not None:
            yield from self._end(growing, ModelError(f"vLLM does not take this request: {news.fault}"))
            return
        for token in news.tokens:
            # A token is told once all before it have been read.
            yield from self._hand_out(growing)
            if growing.number != news.number:
                return  # it has ended, or was begun again
            if growing.request.should_stop():
                yield from self._end(growing, None)
                return
            if not self._accept(growing, token):
                self._ask(growing)
                return
        if not news.over:
            return
        yield from self._hand_out(growing)
        if growing.number != news.number:
            return
        if growing.is_complete:
            yield from self._end(growing, None)
        elif len(growing.ids) > growing.n_given:  # the end of a line has closed it, before it has begun
            self._ask(growing)
        else:
            yield from self._end(growing, ModelError("vLLM has ended this request"))

    def _accept(self, growing: _Growing[Key], token: int) -> bool:
        """Take a token in; false: its thought is closed instead, and vLLM must read that before it goes on."""
        watch, settings = growing.watch, growing.request.settings
        if watch is None or watch.pair is None or not self._must_close(growing, watch, token):
            self._append(growing, token)
            return True
        watch.close()
        while len(growing.ids) < settings.max_new_tokens and (forced := watch.next_forced()) is not None:
            self._append(growing, forced)
        return False

    def _must_close(self, growing: _Growing[Key], watch: ThoughtWatch, chosen: int) -> bool:
        limit, enough = growing.request.settings.max_thinking_tokens, growing.request.thought_enough
        ends = chosen in self._lm.stop_ids or chosen in self._lm.line_ids
        return ends or (limit is not None and watch.n_tokens >= limit) or (enough is not None and enough())

    def _append(self, growing: _Growing[Key], token: int) -> None:
        growing.closed.append(ends_answer(self._lm, growing.ids, token))
        growing.ids.append(token)
        if growing.watch is not None:
            growing.watch.take(token)

    def _hand_out(self, growing: _Growing[Key]) -> Iterator[tuple[Key, Came]]:
        """Yield the tokens that have been read; begin again, past the cache, where one has come from there unread."""
        n = 1 + len(growing.ids) - growing.n_read
        if not n:
            return
        rows = self._stream.memory.values(growing.slot + growing.n_read, n)
        if rows is None and not growing.past_cache:
            self._ask(growing)
        elif rows is None:
            yield from self._end(growing, ModelError("vLLM does not give what is read of all tokens"))
        elif growing.is_given:
            yield growing.key, rows
            yield from self._end(growing, None)
        else:
            for row in rows:
                place = growing.n_read - 1
                growing.n_read += 1
                yield growing.key, self._decoded(growing, place, row)

    def _decoded(self, growing: _Growing[Key], place: int, row: AnyArray) -> DecodedToken:
        if place < 0:
            return DecodedToken(0, None, 0.0, row, last=False, closed=False)
        closed = growing.closed[place]
        last = closed or place + 1 >= growing.request.settings.max_new_tokens
        return DecodedToken(0, growing.ids[place], math.nan, row, last, closed)

    def _end(self, growing: _Growing[Key], reason: Exception | None) -> Iterator[tuple[Key, Came]]:
        """End an answer; its slots are free once vLLM says that nothing is written there any more."""
        del self._growing[growing.number]
        self._stream.send(abort=[growing.number])
        self._lent[growing.number] = (growing.slot, growing.n_slots)
        growing.number = -1
        yield growing.key, reason

    def _release(self, number: int) -> None:
        lent = self._lent.pop(number, None)
        if lent is not None:
            self._stream.memory.release(*lent)
