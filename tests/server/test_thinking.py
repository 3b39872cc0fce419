"""A model that thinks behind the server: its thought comes apart from its answer, and the answer alone is located."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from tests.server.conftest import serving
from tests.thinkers import scripted_model

from truthmap.answer_parts import final_answer, thought_text
from truthmap.detector.detector import Detector
from truthmap.server.parse_request import model_id

QUESTION = "Which 2 is 62?"
SCRIPT = "<think>\nFrance?\n</think>\n\nPeru."


@pytest.fixture(scope="module")
def thinking(tiny_detector: Detector) -> Detector:
    bare = Detector(tiny_detector.artifact, scripted_model("qwen3", "", prompt_length=1))
    prompt = bare.prompt_ids(bare.question(QUESTION))
    return Detector(tiny_detector.artifact, scripted_model("qwen3", SCRIPT, prompt_length=len(prompt)))


@pytest.fixture(scope="module")
def address(thinking: Detector) -> Iterator[str]:
    with serving(thinking) as here:
        yield here


def request(thinking: Detector, **more: object) -> dict[str, object]:
    asked = [{"role": "user", "content": QUESTION}]
    return {"model": model_id(thinking), "messages": asked, "max_tokens": 60, **more}


def test_a_reply_holds_thought_and_answer_apart(address: str, thinking: Detector) -> None:
    reply = httpx.post(f"{address}/v1/chat/completions", json=request(thinking)).json()
    message, verdict = reply["choices"][0]["message"], reply["truthmap"]
    assert (message["reasoning_content"], message["content"]) == ("France?", "Peru.")
    assert reply["usage"]["completion_tokens_details"] == {"reasoning_tokens": len("France?")}
    assert (verdict["exact_answer"], verdict["thought"], verdict["final"]) == ("Peru", "France?", "Peru.")
    assert verdict["answer"][verdict["exact_answer_start"] : verdict["exact_answer_end"]] == "Peru"


def test_a_stream_holds_them_apart(address: str, thinking: Detector) -> None:
    with httpx.stream("POST", f"{address}/v1/chat/completions", json=request(thinking, stream=True)) as reply:
        lines = [line.removeprefix("data: ") for line in reply.iter_lines() if line.startswith("data: {")]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas).strip() == "France?"
    assert "".join(delta.get("content", "") for delta in deltas) == "Peru."


def test_a_thought_that_is_cut_off_leaves_no_answer(address: str, thinking: Detector) -> None:
    reply = httpx.post(f"{address}/v1/chat/completions", json=request(thinking, max_tokens=10)).json()
    assert reply["choices"][0]["message"]["content"] == ""
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["truthmap"]["exact_answer"] is None
    assert "no_exact_answer" in reply["truthmap"]["caveats"]


def test_a_given_answers_thought_is_not_located(address: str) -> None:
    item = {"question": QUESTION, "answer": "<think>France?</think> Peru."}
    verdict = httpx.post(f"{address}/v1/score", json=item).json()
    assert (verdict["exact_answer"], verdict["thought"]) == ("Peru", "France?")


@pytest.mark.parametrize("more", [{"reasoning_effort": "high"}, {"chat_template_kwargs": {"enable_thinking": False}}])
def test_how_the_model_thinks_is_sealed(address: str, thinking: Detector, more: dict[str, object]) -> None:
    reply = httpx.post(f"{address}/v1/chat/completions", json=request(thinking, **more))
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, next(iter(more)))


def test_a_thought_ends_once_enough_is_read(thinking: Detector) -> None:
    whole, never, at_once = (thinking.ask(QUESTION, 60, early_exit=p) for p in (None, 1.0, 0.0))
    assert whole == never
    assert "early_exit" in at_once.caveats
    assert at_once.p_wrong is None
    assert len(thought_text(at_once.answer) or "") < len("France?")
    assert final_answer(at_once.answer).text
