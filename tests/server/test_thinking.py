"""A model that thinks behind the server: its thought comes apart from its answer, and the answer alone is located."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest
from tests.server.conftest import serving
from tests.thinkers import scripted_model

from truthmap.answer_parts import final_answer, thought_text
from truthmap.detector.config import Role
from truthmap.detector.described import verdict_stands
from truthmap.detector.detector import Detector
from truthmap.detector.exit_guarantee import ExitConfig, ExitGuarantee, ExitRisk
from truthmap.detector.exit_rule import early_exit_at
from truthmap.errors import UsageError
from truthmap.positions import Position
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


def reading(detector: Detector, rule: str) -> Detector:
    """Return a detector whose answer head reads another place."""
    head = detector.artifact.heads[Role.ANSWER]
    cells = (head.config.cells[0].model_copy(update={"position": Position.of(rule), "rule": rule}),)
    moved = replace(head, config=head.config.model_copy(update={"cells": cells}))
    heads = {**detector.artifact.heads, Role.ANSWER: moved}
    config = detector.config.model_copy(update={"heads": (moved.config, *detector.config.heads[1:])})
    return Detector(replace(detector.artifact, heads=heads, config=config), detector.lm)


@pytest.mark.parametrize(
    "rule",
    ["thought[50%]", "mean(thought)", "steps[0]", "final[0]", "mean(final)", "mean(exact)", "exact[-1]+1",
     "exact[-1]+2", "exact[-1]+3", "answer[20]", "final[50%]", "answer[-2]"],
)  # fmt: skip
def test_a_place_by_a_rule_is_read_in_a_stream_as_at_the_end(thinking: Detector, rule: str) -> None:
    detector = reading(thinking, rule)
    events = list(detector.stream(QUESTION, 60))
    last = events[-1].verdict
    assert last == detector.ask(QUESTION, 60)
    assert last is not None
    early = [event.verdict for event in events[:-1] if event.verdict is not None]
    assert {(verdict.role, verdict.score) for verdict in early} <= {(Role.ANSWER, last.score)}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("exact[-1]+1", "as soon as the exact answer closes, while the answer goes on"),
        ("mean(thought)", "as soon as the exact answer closes, while the answer goes on"),
        ("mean(final)", "when the answer is complete: where mean(final) stands is not known before"),
        ("-2", "when the answer is complete: where -2 stands is not known before"),
    ],
)
def test_a_detector_says_when_its_verdict_stands(thinking: Detector, rule: str, said: str) -> None:
    detector = reading(thinking, rule)
    assert verdict_stands(detector.config) == said
    early = [event.verdict is not None for event in detector.stream(QUESTION, 60)][:-1]
    assert not any(early) or said.startswith("as soon as")


def sealed(thinking: Detector, end: float | None, give_up: float | None) -> Detector:
    """Return the detector with guarantees for ending thoughts at these P(right), read at four of their tokens."""

    def at(risk: ExitRisk, threshold: float | None) -> ExitGuarantee:
        return ExitGuarantee(
            risk=risk, limit=0.1, confidence=0.95, threshold=threshold, tested=50, hits=1, upper=0.09, n=60
        )

    exits = ExitConfig(
        tokens=(0, 2, 3, 5),
        end=at(ExitRisk.ENDED_WRONG, end),
        give_up=at(ExitRisk.RIGHT_GIVEN_UP, give_up),
        give_up_at=2,
    )
    config = thinking.artifact.config.model_copy(update={"early_exit": exits})
    return Detector(replace(thinking.artifact, config=config), thinking.lm)


def test_under_a_guarantee_a_thought_ends_where_it_has_named_an_answer(thinking: Detector) -> None:
    ended = sealed(thinking, 0.0, None).ask(QUESTION, 60, early_exit="guaranteed")
    assert thought_text(ended.answer) == "France"  # at its first token that is read, of those that have named one
    assert "early_exit" in ended.caveats


def test_a_thought_that_is_over_before_its_token_is_not_given_up(thinking: Detector) -> None:
    detector = sealed(thinking, None, 1.0)
    exits = detector.config.early_exit.model_copy(update={"tokens": (0, 7), "give_up_at": 7})  # type: ignore[union-attr]
    config = detector.config.model_copy(update={"early_exit": exits})
    asked = Detector(replace(detector.artifact, config=config), detector.lm).ask(QUESTION, 60, early_exit="guaranteed")
    assert thought_text(asked.answer) == "France?"  # its tokens are 0 to 6; behind it stand white space and the tag
    assert "gave_up" not in asked.caveats


def test_under_a_guarantee_a_thought_is_given_up_at_its_token(thinking: Detector) -> None:
    given_up = sealed(thinking, None, 1.0).ask(QUESTION, 60, early_exit="guaranteed")
    assert thought_text(given_up.answer) == "Fra"
    assert "gave_up" in given_up.caveats
    kept = sealed(thinking, None, 0.0).ask(QUESTION, 60, early_exit="guaranteed")
    assert thought_text(kept.answer) == "France?"
    assert kept.caveats == thinking.ask(QUESTION, 60).caveats


@pytest.mark.parametrize(
    ("detector", "why"),
    [
        (lambda thinking: thinking, "has no guarantee for ending thoughts early: seal one from a run with --positions"),
        (lambda thinking: sealed(thinking, None, None), "ends no thought under a guarantee .*not guaranteed at any"),
    ],
)
def test_a_guarantee_that_is_not_there_is_refused(
    thinking: Detector, detector: Callable[[Detector], Detector], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        detector(thinking).ask(QUESTION, 60, early_exit="guaranteed")


@pytest.mark.parametrize(("text", "asked"), [(None, None), ("0.9", 0.9), ("guaranteed", "guaranteed"), ("1", 1.0)])
def test_early_exit_is_a_probability_or_the_guaranteed_one(text: str | None, asked: float | str | None) -> None:
    assert early_exit_at(text) == asked


@pytest.mark.parametrize("text", ["1.5", "-0.1", "nan", "often", ""])
def test_any_other_early_exit_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a P\\(right\\) from 0 to 1, or guaranteed"):
        early_exit_at(text)


def test_a_thought_ends_once_enough_is_read(thinking: Detector) -> None:
    whole, never, at_once = (thinking.ask(QUESTION, 60, early_exit=p) for p in (None, 1.0, 0.0))
    assert whole == never
    assert "early_exit" in at_once.caveats
    assert at_once.p_wrong is None
    assert len(thought_text(at_once.answer) or "") < len("France?")
    assert final_answer(at_once.answer).text
