"""Key, host, sizes, queue, time, stop: what is refused, how, and that the server lives on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from truthmap.detector.detector import Detector
from truthmap.detector.stream_scorer import StreamScorer, TokenEvent
from truthmap.errors import UsageError
from truthmap.server import middleware
from truthmap.server.parse_request import model_id
from truthmap.server.serve_settings import ServeSettings


def chat(detector: Detector, question: str = "Which 1 is 31?", **more: Any) -> dict[str, Any]:
    return {"model": model_id(detector), "messages": [{"role": "user", "content": question}], **more}


class SlowDetector(Detector):
    """Pauses before every token."""

    def __init__(self, detector: Detector, pause: Callable[[TokenEvent], object]) -> None:
        super().__init__(detector.artifact, detector.lm)
        object.__setattr__(self, "_pause", pause)

    def stream_batch(self, scorers: Sequence[StreamScorer]) -> Iterator[tuple[StreamScorer, TokenEvent]]:
        for scorer, event in super().stream_batch(scorers):
            self._pause(event)
            yield scorer, event


@dataclass(frozen=True)
class Held:
    """A detector whose every token waits until `go` is set."""

    detector: Detector
    go: threading.Event


@pytest.fixture
def held(tiny_detector: Detector) -> Held:
    go = threading.Event()
    return Held(SlowDetector(tiny_detector, lambda _: go.wait(20)), go)


def test_without_the_key_only_page_and_health_are_shown(served: Callable[..., Any], tiny_detector: Detector) -> None:
    with served(tiny_detector, ServeSettings(api_key="s3cret")) as address:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "s3cret"},
            {"Authorization": "Basic s3cret"},
        ):
            for method, path in (
                ("GET", "/v1/models"),
                ("GET", "/metrics"),
                ("GET", "/openapi.json"),
                ("POST", "/v1/score"),
            ):
                reply = httpx.request(method, address + path, headers=headers, json={} if method == "POST" else None)
                assert reply.status_code == 401, path
                assert reply.json()["error"]["code"] == "invalid_api_key"
                assert reply.headers["www-authenticate"] == "Bearer"
        for path in ("/", "/page.js", "/page.css", "/healthz"):
            assert httpx.get(address + path).status_code == 200
        allowed = httpx.get(f"{address}/v1/models", headers={"Authorization": "Bearer s3cret"})
        assert allowed.status_code == 200


def test_the_key_is_compared_in_constant_time(
    served: Callable[..., Any], tiny_detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    real = middleware.hmac.compare_digest
    monkeypatch.setattr(middleware.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    with served(tiny_detector, ServeSettings(api_key="s3cret")) as address:
        httpx.get(f"{address}/v1/models", headers={"Authorization": "Bearer s3crex"})
    assert compared == [(b"s3crex", b"s3cret")]


def test_a_server_on_loopback_is_not_reached_by_another_name(address: str) -> None:
    reply = httpx.get(f"{address}/v1/models", headers={"Host": "evil.example"})
    assert reply.status_code == 403
    assert httpx.get(f"{address}/v1/models", headers={"Host": "localhost:1234"}).status_code == 200


def test_a_form_of_another_page_is_not_taken(address: str, tiny_detector: Detector) -> None:
    reply = httpx.post(
        f"{address}/v1/chat/completions",
        content=json.dumps(chat(tiny_detector)),
        headers={"Content-Type": "text/plain"},
    )
    assert reply.status_code == 415
    preflight = httpx.options(f"{address}/v1/chat/completions", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in preflight.headers


def test_a_body_too_large_is_refused_with_or_without_its_length(address: str, tiny_detector: Detector) -> None:
    body = json.dumps(chat(tiny_detector, "x" * (1 << 19))).encode()
    headers = {"Content-Type": "application/json"}
    for content in (body, iter([body[:1000], body[1000:]])):
        reply = httpx.post(f"{address}/v1/chat/completions", content=content, headers=headers)
        assert reply.status_code == 413
        assert reply.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b'{"model": NaN}'])
def test_what_is_no_request_is_refused(address: str, body: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/score"):
        reply = httpx.post(address + path, content=body, headers={"Content-Type": "application/json"})
        assert reply.status_code == 400
        assert reply.json()["error"]["message"]


def test_a_prompt_of_too_many_tokens_is_refused(served: Callable[..., Any], tiny_detector: Detector) -> None:
    with served(tiny_detector, ServeSettings(max_prompt_tokens=20)) as address:
        asked = httpx.post(f"{address}/v1/chat/completions", json=chat(tiny_detector, "Which 1 is 2? " * 9))
        scored = httpx.post(f"{address}/v1/score", json={"question": "Which 1 is 2? " * 9, "answer": "France"})
    for reply in (asked, scored):
        assert reply.status_code == 413
        assert reply.json()["error"]["code"] == "context_length_exceeded"


def test_more_than_the_queue_holds_is_refused(served: Callable[..., Any], held: Held) -> None:
    settings = ServeSettings(max_queue=3, max_batch=1, batch_wait=0)
    with served(held.detector, settings) as address, ThreadPoolExecutor(12) as pool:
        sent = [
            pool.submit(
                httpx.post, f"{address}/v1/chat/completions", json=chat(held.detector, f"Which {n}?"), timeout=30
            )
            for n in range(12)
        ]
        while sum(future.done() for future in sent) < 8:
            time.sleep(0.01)
        held.go.set()
        codes = sorted(future.result().status_code for future in sent)
        refused = next(future.result() for future in sent if future.result().status_code == 429)
    assert codes == [200] * 4 + [429] * 8
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "queue_full"


def test_a_late_answer_is_given_up_and_the_next_is_answered(served: Callable[..., Any], held: Held) -> None:
    with served(held.detector, ServeSettings(timeout=0.3)) as address:
        late = httpx.post(f"{address}/v1/chat/completions", json=chat(held.detector))
        with httpx.stream("POST", f"{address}/v1/chat/completions", json=chat(held.detector, stream=True)) as stream:
            streamed = stream.read().decode()
        held.go.set()
        time.sleep(0.3)
        after = httpx.post(f"{address}/v1/score", json={"question": "Which 1?", "answer": "France."})
    assert late.status_code == 504
    assert late.json()["error"]["code"] == "timeout"
    assert '"code":"timeout"' in streamed
    assert "[DONE]" not in streamed
    assert after.status_code == 200


def test_a_stop_finishes_what_is_running(served: Callable[..., Any], held: Held) -> None:
    with ThreadPoolExecutor(4) as pool:
        with served(held.detector) as address:
            sent = [
                pool.submit(
                    httpx.post, f"{address}/v1/chat/completions", json=chat(held.detector, f"Which {n}?"), timeout=30
                )
                for n in range(4)
            ]
            while "truthmap_batch_size_count 1.0" not in httpx.get(f"{address}/metrics").text:
                time.sleep(0.01)
            time.sleep(0.1)
            threading.Timer(0.3, held.go.set).start()
        # The server has been told to stop while the answers were on their way.
        assert [future.result().status_code for future in sent] == [200] * 4


def test_a_client_that_goes_away_ends_its_answer(served: Callable[..., Any], tiny_detector: Detector) -> None:
    decoded: list[int] = []

    def pause(event: TokenEvent) -> None:
        decoded.append(event.index)
        time.sleep(0.05)

    with served(SlowDetector(tiny_detector, pause)) as address:
        body = chat(tiny_detector, "Which 2 is 62?", stream=True, max_tokens=80)
        with httpx.stream("POST", f"{address}/v1/chat/completions", json=body) as stream:
            next(stream.iter_raw())
        time.sleep(0.5)
        after = len(decoded)
        time.sleep(0.5)
        assert len(decoded) == after < 40


def test_given_answers_are_scored_and_questions_forecast(address: str, tiny_detector: Detector) -> None:
    items = [{"question": "Which 1 is 2?", "answer": "France."}, {"question": "Which 3 is 4?"}]
    reply = httpx.post(f"{address}/v1/score", json={"items": items}).json()["data"]
    assert reply[0]["p_wrong"] == pytest.approx(tiny_detector.score("Which 1 is 2?", "France.").p_wrong, abs=1e-3)
    assert reply[0]["exact_answer"] == "France"
    assert reply[1]["p_wrong_before"] == pytest.approx(tiny_detector.forecast("Which 3 is 4?").p_wrong, abs=1e-3)
    single = httpx.post(f"{address}/v1/score", json=items[0]).json()
    assert single == reply[0] | {"score": pytest.approx(reply[0]["score"])}


def test_the_detector_is_described_with_its_guarantee(address: str, tiny_detector: Detector) -> None:
    about = httpx.get(f"{address}/v1/detector").json()
    guarantee = tiny_detector.config.heads[0].guarantees[0]
    assert (about["guarantee"], about["guarantee_holds"]) == (guarantee.sentence, guarantee.holds)
    assert about["cells"] == ["layer 1, exact_answer_last"]
    assert set(about["test_auc"]) == {"value", "low", "high", "n"}
    assert about["model"] == model_id(tiny_detector)
    assert about["verdict"] == "as soon as the exact answer closes, while the answer goes on"


def test_every_reply_carries_a_strict_policy(address: str) -> None:
    for path in ("/", "/page.js", "/healthz", "/nowhere", "/v1/models"):
        policy = httpx.get(address + path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_the_page_names_nothing_outside(address: str) -> None:
    for path in ("/", "/page.js", "/page.css"):
        text = httpx.get(address + path).text
        assert "http:" not in text
        assert "https:" not in text
        assert "//" not in text.replace("// ", "")
    assert "innerHTML" not in httpx.get(f"{address}/page.js").text


def test_metrics_count_requests_tokens_and_verdicts(served: Callable[..., Any], tiny_detector: Detector) -> None:
    with served(tiny_detector) as address:
        reply = httpx.post(f"{address}/v1/chat/completions", json=chat(tiny_detector)).json()
        httpx.get(f"{address}/nowhere")
        counted = httpx.get(f"{address}/metrics").text
    assert 'truthmap_requests_total{path="/v1/chat/completions",status="200"} 1.0' in counted
    assert 'truthmap_requests_total{path="other",status="404"} 1.0' in counted
    assert "truthmap_out_of_distribution_total" in counted
    assert f"truthmap_answer_tokens_total {reply['usage']['completion_tokens']}.0" in counted
    kinds = {True: "trusted", False: "not trusted", None: "no claim"}
    assert f'truthmap_verdicts_total{{kind="{kinds[reply["truthmap"]["trusted"]]}"}} 1.0' in counted


@pytest.mark.parametrize("wrong", [{"api_key": ""}, {"api_key": "é"}, {"timeout": 0}, {"max_queue": -1}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ServeSettings(**wrong)
