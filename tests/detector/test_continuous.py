"""Answers that grow together in vLLM are those of the local engine, wherever vLLM must begin again."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.answers.test_thought_budget import prompt_of
from tests.thinkers import encoded, scripted_model

from truthmap.answers.engines.vllm_memory import Slots
from truthmap.answers.engines.vllm_stream import StreamedRequest, StreamNews
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.detector.continuous import ContinuousDecoder
from truthmap.detector.streaming import DecodedToken, GenerationRequest, StateSpec, stream_decode
from truthmap.errors import ModelError
from truthmap.records import Site

PROMPT = prompt_of("qwen3")


class ScriptedStream:
    """A vLLM that writes a script, and what it has read as the tokens' own ids; some come from the cache unread."""

    def __init__(self, script: Sequence[int], stop_ids: frozenset[int], unread: int = -1) -> None:
        self.script, self.stop_ids, self.unread = script, stop_ids, unread
        self.sent: list[StreamedRequest] = []
        self.news: list[StreamNews] = []
        self.slots = np.full(1000, np.nan)
        self.memory = SimpleNamespace(slots=Slots(1000), values=self.values, release=self.release)

    def send(self, requests: Sequence[StreamedRequest] = (), abort: Sequence[int] = ()) -> None:
        gone = [each for each in self.news if each.number in abort]
        self.news = [each for each in self.news if each.number not in abort]
        self.news.extend(StreamNews(number, (), over=True) for number in {each.number for each in gone})
        for request in requests:
            self.sent.append(request)
            self._write(request)

    def _write(self, request: StreamedRequest) -> None:
        ids = list(request.ids)
        for _ in range(request.most):
            ids.append(self.script[min(len(ids) - len(PROMPT), len(self.script) - 1)])
            self.news.append(StreamNews(request.number, (ids[-1],), over=False))
            if ids[-1] in self.stop_ids:
                break
        self.news.append(StreamNews(request.number, (), over=True))
        slot, count, start = request.read
        # All is read by now, which is more than is told: nobody may look at it before.
        self.slots[slot : slot + count] = (ids + [0] * count)[start : start + count]
        if not request.fresh and self.unread >= 0:
            self.slots[slot + self.unread] = np.nan

    def values(self, start: int, count: int) -> Any:
        found = self.slots[start : start + count]
        return None if np.isnan(found).any() else found[:, None].copy()

    def release(self, start: int, count: int) -> None:
        self.slots[start : start + count] = np.nan
        self.memory.slots.give_back(start, count)


def decoded(stream: ScriptedStream, lm: Any, request: GenerationRequest) -> list[DecodedToken]:
    """Return the tokens of one answer, and see that its end is told and that its slots come back."""
    decoder: ContinuousDecoder[str] = ContinuousDecoder(lm, stream)  # type: ignore[arg-type]
    assert decoder.answer("a", request)
    came: list[Any] = []
    while stream.news:
        came.extend(decoder.take([stream.news.pop(0)]))
    *tokens, end = [each for _, each in came]
    assert end is None
    assert len(decoder) == 0
    assert stream.memory.slots.take(1000) == 0
    return tokens


@pytest.mark.parametrize("unread", [-1, 3, pytest.param(0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("script", "limit", "most"),
    [
        ("<think>hm</think>Canberra", 60, 60),
        ("<think>" + "hm " * 40, 10, 50),
        ("<think>Canberra", 40, 60),
        ("C", None, 2),
    ],
)
def test_an_answer_is_the_local_engines(script: str, limit: int | None, most: int, unread: int) -> None:
    lm = scripted_model("qwen3", script, prompt_length=len(PROMPT))
    request = GenerationRequest(Prompt("q", PROMPT), GenerateSettings(most, max_thinking_tokens=limit))
    wanted = list(stream_decode(lm, [request], StateSpec(Site.RESIDUAL, ())))
    stream = ScriptedStream([*encoded("qwen3", script), lm.tokenizer.eos_token_id], lm.stop_ids, unread)
    found = decoded(stream, lm, request)
    assert [(d.token, d.last, d.closed) for d in found] == [(d.token, d.last, d.closed) for d in wanted]
    assert [float(d.states[0]) for d in found] == [PROMPT[-1], *(d.token for d in found[1:])]
    assert all(request.fresh for request in stream.sent[1:])


def test_an_answer_that_nobody_waits_for_ends() -> None:
    lm = scripted_model("qwen3", "Canberra", prompt_length=len(PROMPT))
    stream = ScriptedStream(encoded("qwen3", "Canberra"), lm.stop_ids)
    seen: list[int] = []
    request = GenerationRequest(
        Prompt("q", PROMPT), GenerateSettings(20), lambda: bool(seen.append(1)) or len(seen) > 3
    )
    assert [d.token for d in decoded(stream, lm, request)] == [None, *encoded("qwen3", "Canberra")[:3]]


def test_a_request_that_is_not_taken_fails_alone() -> None:
    lm = scripted_model("qwen3", "C", prompt_length=len(PROMPT))
    stream = ScriptedStream(encoded("qwen3", "C"), lm.stop_ids)
    decoder: ContinuousDecoder[str] = ContinuousDecoder(lm, stream)  # type: ignore[arg-type]
    request = GenerationRequest(Prompt("q", PROMPT), GenerateSettings(5))
    assert decoder.answer("a", request)
    refused = StreamNews(stream.sent[0].number, (), over=True, fault="ValueError: too long")
    ((key, fault),) = decoder.take([refused])
    assert (key, str(fault)) == ("a", "vLLM does not take this request: ValueError: too long")
    assert isinstance(fault, ModelError)
    assert stream.memory.slots.take(1000) == 0


def test_a_request_that_ends_with_nothing_is_not_asked_again() -> None:
    lm = scripted_model("qwen3", "C", prompt_length=len(PROMPT))
    stream = ScriptedStream(encoded("qwen3", "C"), lm.stop_ids)
    decoder: ContinuousDecoder[str] = ContinuousDecoder(lm, stream)  # type: ignore[arg-type]
    assert decoder.answer("a", GenerationRequest(Prompt("q", PROMPT), GenerateSettings(5)))
    came = list(decoder.take([StreamNews(stream.sent[0].number, (), over=True)]))
    assert [str(each) for _, each in came if isinstance(each, Exception)] == ["vLLM has ended this request"]
    assert len(stream.sent) == 1


def test_slots_are_lent_in_a_row_and_come_back() -> None:
    slots = Slots(10)
    assert [slots.take(4), slots.take(4), slots.take(4)] == [0, 4, None]
    slots.give_back(0, 4)
    assert [slots.take(5), slots.take(3)] == [None, 0]
    slots.give_back(4, 4)
    slots.give_back(0, 3)
    assert slots.take(10) == 0
