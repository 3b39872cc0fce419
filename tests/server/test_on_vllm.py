"""A detector that is served on vLLM says what one says that is served here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from tests.detector.test_projections import with_position
from tests.in_process_vllm import stand_in_here
from tests.server.conftest import serving

from truthmap.answers.engines.vllm import VllmSettings
from truthmap.detector.detector import Detector
from truthmap.detector.verdict import forecast_row, token_rows, verdict_row
from truthmap.errors import UsageError
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.server.engines import serving_engine
from truthmap.server.on_vllm import VllmServing
from truthmap.server.parse_request import model_id
from truthmap.server.serve_settings import ServeSettings

SETTINGS = ServeSettings(max_batch=8, max_tokens=12, max_prompt_tokens=60)
QUESTIONS = [f"Which {n} is {n * 31}?" for n in range(40, 52)]


class Installed(VllmSettings):
    def note(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="module", params=["exact_answer_last", pytest.param("mean(answer)", marks=pytest.mark.slow)])
def detector(request: pytest.FixtureRequest, tiny_detector: Detector) -> Detector:
    """Return a detector whose heads are read in vLLM, and one for which vLLM hands over states."""
    return dataclasses.replace(tiny_detector, artifact=with_position(tiny_detector.artifact, request.param))


@contextmanager
def served(detector: Detector) -> Iterator[httpx.Client]:
    """Serve a detector on the stand-in for vLLM while inside the `with`; gives a client of it."""
    prepared = VllmServing.of(detector, SETTINGS, Installed())
    with (
        stand_in_here() as process,
        serving(prepared.detector, SETTINGS, prepared.start(SETTINGS, process)) as here,
        httpx.Client(base_url=here, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client(detector: Detector) -> Iterator[httpx.Client]:
    with served(detector) as client:
        yield client


def ask(client: httpx.Client, detector: Detector, question: str, **more: object) -> dict[str, Any]:
    body = {"model": model_id(detector), "messages": [{"role": "user", "content": question}], **more}
    reply = client.post("/v1/chat/completions", json=body)
    if not more.get("stream"):
        told: dict[str, Any] = reply.json()
        return told
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    scores = [e["truthmap"]["score"] for e in events if "index" in e.get("truthmap", {})]
    (final,) = (e["truthmap"] for e in events if "tokens" in e.get("truthmap", {}))
    content = "".join(e["choices"][0]["delta"].get("content", "") for e in events)
    return {"truthmap": final, "scores": scores, "choices": [{"message": {"content": content}}]}


def like(row: dict[str, Any]) -> dict[str, Any]:
    """Return the same row with some room for what is measured."""
    return {k: pytest.approx(v, abs=1e-3, rel=1e-4) if isinstance(v, float) else v for k, v in row.items()}


def test_clients_at_once_get_what_the_local_engine_says(client: httpx.Client, detector: Detector) -> None:
    wanted = {verdict.question: verdict for verdict in detector.ask_batch(QUESTIONS)}
    assert len({verdict.answer.text for verdict in wanted.values()}) > 6  # so that a mix-up would be seen
    assert {verdict.answer.finished for verdict in wanted.values()} == {True, False}
    with ThreadPoolExecutor(18) as clients:
        jobs = {
            n: clients.submit(ask, client, detector, QUESTIONS[n % 12], stream=n % 3 == 0)
            for n in range(18)  # some ask what lies in the prefix cache
        }
    for n, job in jobs.items():
        reply, verdict = job.result(), wanted[QUESTIONS[n % 12]]
        assert reply["choices"][0]["message"]["content"] == verdict.answer.text
        tokens = [like(row) for row in token_rows(verdict)]
        assert reply["truthmap"] == {**like(verdict_row(verdict)), "tokens": tokens}
        assert reply.get("scores", []) in ([], [token["score"] for token in tokens])


def test_given_answers_and_forecasts_are_scored(client: httpx.Client, detector: Detector) -> None:
    pairs = [(QUESTIONS[0], "France"), (QUESTIONS[1], ""), (QUESTIONS[2], "I do not know the city of Peru.")]
    items: list[dict[str, str]] = [{"question": question, "answer": answer} for question, answer in pairs]
    reply = client.post("/v1/score", json={"items": [*items, {"question": QUESTIONS[3]}]}).json()
    wanted = [{**like(verdict_row(v)), "tokens": [like(t) for t in token_rows(v)]} for v in detector.score_batch(pairs)]
    assert reply["data"] == [*wanted, like(forecast_row(detector.forecast(QUESTIONS[3])))]


def test_an_answer_ends_at_a_stop_text_and_a_limit(client: httpx.Client, detector: Detector) -> None:
    whole = detector.ask(QUESTIONS[0]).answer.text
    stop = whole[len(whole) // 2 :][:3]
    reply = ask(client, detector, QUESTIONS[0], stop=[stop])
    assert reply["choices"][0]["message"]["content"] == whole[: whole.index(stop)]
    short = ask(client, detector, QUESTIONS[0], max_tokens=2)
    assert short["usage"]["completion_tokens"] == 2
    assert all("other_length" in told["truthmap"]["caveats"] for told in (reply, short))


@pytest.mark.slow
def test_drawn_answers_depend_on_the_seed_alone(client: httpx.Client, detector: Detector) -> None:
    drawn = [ask(client, detector, QUESTIONS[0], temperature=1.5, seed=n % 2)["truthmap"]["answer"] for n in range(4)]
    assert drawn[:2] == drawn[2:]
    assert len(set(drawn)) > 1


def test_a_vllm_that_is_lost_is_told(tiny_detector: Detector) -> None:
    body = {"model": model_id(tiny_detector), "messages": [{"role": "user", "content": QUESTIONS[0]}]}
    with served(tiny_detector) as client:
        # A draw that the stand-in cannot make ends it.
        lost = client.post("/v1/chat/completions", json={**body, "temperature": 1e-320})
        later = client.post("/v1/chat/completions", json=body)
        health = client.get("/healthz")
    assert [lost.status_code, later.status_code, health.status_code] == [500, 503, 503]
    assert "vLLM has ended" in later.json()["error"]["message"]


def test_an_engine_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="'tgi': a detector is served by one of transformers, vllm"):
        serving_engine("tgi")


def test_a_model_that_finds_exact_answers_is_refused(tiny_detector: Detector) -> None:
    asking = tiny_detector.config.asking.model_copy(
        update={"task": Task(GradingRule.ALIAS, Locating.MODEL, max_new_tokens=10), "locator": "same"}
    )
    config = tiny_detector.config.model_copy(update={"asking": asking})
    artifact = dataclasses.replace(tiny_detector.artifact, config=config)
    with pytest.raises(UsageError, match="finds this detector's exact answers: serve it without --engine vllm"):
        VllmServing.of(dataclasses.replace(tiny_detector, artifact=artifact), SETTINGS, Installed())
