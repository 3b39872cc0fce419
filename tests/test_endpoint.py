"""Requests to an endpoint: in order; bounded in tries, time, size and number at once; told plainly when they fail."""

from __future__ import annotations

import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.scripted import Script, Scripted, scripted

from truthmap.endpoint import Endpoint, Refusal, checked_url, send_all
from truthmap.errors import ModelError, UsageError

KEY = "TEST_KEY"


def in_turn(*replies: Scripted) -> Script:
    """Return these replies in turn, then always an echo."""
    waiting, lock = list(replies), threading.Lock()

    def script(path: str, content: Any) -> Scripted:
        with lock:
            return waiting.pop(0) if waiting else Scripted(body={"echo": content})

    return script


def read_echo(body: bytes) -> Any:
    try:
        return json.loads(body)["echo"]["n"]
    except (ValueError, KeyError) as error:
        raise ValueError("is no echo") from error


def sent(script: Script, numbers: range = range(1), **settings: Any) -> tuple[list[Any], list[float], Any]:
    """Send numbers; give what came back, the waits between tries, and the server."""
    waits: list[float] = []
    with scripted(script) as server:
        endpoint = Endpoint(server.url, KEY, sleep=waits.append, **settings)
        return send_all(endpoint, "/echo", [{"n": n} for n in numbers], read_echo), waits, server


def test_replies_come_in_order_with_few_requests_under_way() -> None:
    gate = threading.Barrier(3, timeout=10)

    def script(path: str, content: Any) -> Scripted:
        if content["n"] < 3:
            gate.wait()
            time.sleep(0.02 * (3 - content["n"]))
        return Scripted(body={"echo": content})

    seen: list[int] = []
    with scripted(script) as server:
        endpoint = Endpoint(server.url, KEY, parallel=3)
        found = send_all(endpoint, "/echo", [{"n": n} for n in range(20)], read_echo, seen.append)
    assert found == list(range(20))
    assert seen == list(range(1, 21))
    assert server.most_at_once == 3


@pytest.mark.parametrize(
    ("header", "wait"),
    [({}, 1.0), ({"Retry-After": "7"}, 7.0), ({"Retry-After": "0"}, 1.0), ({"Retry-After": "x"}, 1.0)],
)
def test_a_passing_fault_is_tried_again_after_the_asked_wait(header: dict[str, str], wait: float) -> None:
    found, waits, _ = sent(in_turn(Scripted(429, headers=header), Scripted(503)))
    assert found == [0]
    assert waits == [wait, 2.0]


def test_retry_after_may_be_a_date() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    _, waits, _ = sent(in_turn(Scripted(503, headers={"Retry-After": then})))
    assert 50 < waits[0] <= 60


def test_a_long_wait_is_told_instead_of_waited() -> None:
    with pytest.raises(ModelError, match=r"status 429: come back; it asks to wait 3600 s, 1 tries"):
        sent(in_turn(Scripted(429, {"error": {"message": "come back"}}, {"Retry-After": "3600"})))


def test_tries_are_bounded_and_waits_grow() -> None:
    waits: list[float] = []
    with scripted(lambda path, content: Scripted(500, {"error": "broken\n\x1b[31m pipe"})) as server:
        with pytest.raises(ModelError, match=r"gave no answer \(status 500: broken .* pipe, 4 tries\).*TEST_KEY"):
            send_all(Endpoint(server.url, KEY, tries=4, sleep=waits.append), "/echo", [{}], read_echo)
        assert len(server.sent) == 4
    assert waits == [1.0, 2.0, 4.0]


def test_a_lost_connection_is_tried_again_and_then_reported() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", KEY, tries=2, sleep=lambda _: None)
    with pytest.raises(ModelError, match=r"http://127.0.0.1:9/v1 gave no answer \(ConnectError: .*, 2 tries\)"):
        send_all(endpoint, "/echo", [{}], read_echo)
    half = Scripted(body=b'{"echo"', headers={"Content-Length": "100", "Connection": "close"})
    found, waits, _ = sent(in_turn(half))
    assert (found, waits) == ([0], [1.0])


def test_a_refusal_is_the_affair_of_one_request() -> None:
    def script(path: str, content: Any) -> Scripted:
        if content["n"] == 1:
            return Scripted(400, {"error": {"message": "too long", "code": "context_length_exceeded"}})
        if content["n"] == 2:
            return Scripted(422, {"detail": ["no", "such", "field"]})
        return Scripted(413, b"<html>") if content["n"] == 3 else Scripted(body={"echo": content})

    found, waits, _ = sent(script, range(5))
    assert found[1] == Refusal(400, "context_length_exceeded", "too long")
    assert found[2] == Refusal(422, "", "['no', 'such', 'field']")
    assert found[3] == Refusal(413, "", "<html>")
    assert (found[0], found[4], waits) == (0, 4, [])


def test_a_refused_key_is_told_at_once_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, " sk-secret-1\n")
    with scripted(lambda path, content: Scripted(401, {"error": {"message": "sk-secret-1 is no key"}})) as server:
        endpoint = Endpoint(server.url, KEY)
        with pytest.raises(ModelError, match=r"status 401: … is no key, 1 tries") as caught:
            send_all(endpoint, "/echo", [{}], read_echo)
        assert server.keys == ["Bearer sk-secret-1"]
    assert "sk-secret-1" not in str(caught.value) + repr(endpoint)
    monkeypatch.setenv(KEY, "sk-secret\n-2")
    with pytest.raises(UsageError, match="TEST_KEY has characters") as caught_again:
        send_all(endpoint, "/echo", [{}], read_echo)
    assert "secret" not in str(caught_again.value)


def test_a_redirect_is_not_followed_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-1")
    with pytest.raises(ModelError, match="status 302"):
        sent(in_turn(Scripted(302, headers={"Location": "http://127.0.0.1:9/stolen"})))


def test_an_unknown_model_is_answered_with_the_known_ones() -> None:
    def script(path: str, content: Any) -> Scripted:
        if path == "/v1/models":
            return Scripted(body={"data": [{"id": "llama"}, {"id": "qwen"}]})
        return Scripted(404, {"error": {"message": "no such model"}})

    with pytest.raises(ModelError, match=r"status 404: no such model, 1 tries\); it has llama, qwen; see"):
        sent(script)


@pytest.mark.parametrize("models", [Scripted(404), Scripted(body=b"<html>"), Scripted(body={"data": 7})])
def test_an_endpoint_need_not_say_what_it_has(models: Scripted) -> None:
    with pytest.raises(ModelError, match=r"status 404, 1 tries\); see"):
        sent(lambda path, content: models if path == "/v1/models" else Scripted(404))


def test_a_reply_that_cannot_be_read_is_shown_cut() -> None:
    with pytest.raises(ModelError, match=r"its reply '<html>x{294}…' is no echo, 1 tries"):
        sent(in_turn(Scripted(body=b"<html>" + b"x" * 5000)))


def test_a_reply_of_any_size_takes_bounded_memory() -> None:
    with pytest.raises(ModelError, match="larger than 1,048,576 bytes"):
        sent(in_turn(Scripted(body=b"x" * (1 << 21))))
    packed = gzip.compress(b"[" * (1 << 26))
    with pytest.raises(ModelError, match="is no echo"):
        sent(in_turn(Scripted(body=packed, headers={"Content-Encoding": "gzip"})))


def test_a_reply_that_trickles_or_never_comes_is_given_up() -> None:
    slow = threading.Event()

    def silent(path: str, content: Any) -> Scripted:
        slow.wait(5)
        return Scripted(body={"echo": content})

    begun = time.monotonic()
    with scripted(silent) as server:
        try:
            with pytest.raises(ModelError, match=r"ReadTimeout"):
                send_all(Endpoint(server.url, KEY, tries=1, timeout=0.2), "/echo", [{}], read_echo)
        finally:
            slow.set()
    trickle = Scripted(body=tuple([b" "] * 40))
    with pytest.raises(ModelError, match=r"ReadTimeout: the reply was not whole after 0.3 s"):
        sent(in_turn(trickle), tries=1, timeout=0.3)
    assert time.monotonic() - begun < 4


def test_one_failure_for_good_ends_the_others() -> None:
    def script(path: str, content: Any) -> Scripted:
        return Scripted(401) if content["n"] == 0 else Scripted(503)

    begun = time.monotonic()
    with scripted(script) as server:
        with pytest.raises(ModelError, match="status 401"):
            send_all(Endpoint(server.url, KEY, tries=9, parallel=2), "/echo", [{"n": n} for n in range(50)], read_echo)
        assert len(server.sent) < 10
    assert time.monotonic() - begun < 3, "waits end with it"


def test_what_failed_is_told_whichever_request_is_seen_first() -> None:
    with scripted(lambda path, content: Scripted(401, {"error": "who are you"})) as server:
        endpoint = Endpoint(server.url, KEY, parallel=8)
        for _ in range(30):
            with pytest.raises(ModelError, match="status 401: who are you, 1 tries"):
                send_all(endpoint, "/echo", [{"n": n} for n in range(40)], read_echo)


def test_addresses_are_read() -> None:
    assert checked_url("https://host:1/v1/", KEY) == "https://host:1/v1"
    for url in ("host/v1", "file:///etc/passwd", "http:///v1", "http://h/v1?key=1", "http://h/v1#m"):
        with pytest.raises(ValueError, match="names no endpoint"):
            checked_url(url, KEY)
    with pytest.raises(ValueError, match="set TEST_KEY instead") as caught:
        checked_url("http://me:secret@h/v1", KEY)
    assert "secret" not in str(caught.value)
