"""Clients that are slow, half there, gone, too many, or ask for what cannot be: each is told, none holds up others."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.sampling import sample_tokens
from truthmap.detector.detector import Detector
from truthmap.server.app import create_app
from truthmap.server.parse_request import model_id
from truthmap.server.protocol import TimedProtocol, quiet_about_lost_clients
from truthmap.server.requests import MOST_CANDIDATES, MOST_STOPS
from truthmap.server.serve_settings import ServeSettings

QUESTION = "Which 1 is 31?"
ALWAYS = {"200", "400", "401", "403", "408", "413", "415", "429", "500", "503", "504"}
HURRIED = ServeSettings(client_timeout=0.4, stop_timeout=2.0, max_connections=8)
HEAD = b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def chat(detector: Detector, **more: Any) -> dict[str, Any]:
    return {"model": model_id(detector), "messages": [{"role": "user", "content": QUESTION}], **more}


def sent_raw(address: str, content: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes, and return all that comes until the server closes."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(content)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def hurried(tiny_detector: Detector, served: Callable[..., Any]) -> Iterator[str]:
    with served(tiny_detector, HURRIED) as here:
        yield here


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"que\r\n', b"HTTP/1.1 408"),
        (HEAD + b'Content-Length: 100\r\n\r\n{"que', b"HTTP/1.1 408"),
        (HEAD[:-2], b""),
        (b"", b""),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /heal", b"HTTP/1.1 200"),
    ],
    ids=["chunks", "length", "head", "silence", "second head"],
)
def test_a_request_that_never_ends_is_given_up(hurried: str, content: bytes, status: bytes) -> None:
    started = time.monotonic()
    assert sent_raw(hurried, content).startswith(status)
    assert time.monotonic() - started < 4
    assert httpx.get(f"{hurried}/healthz").status_code == 200


def test_a_body_that_never_ends_does_not_keep_the_server(served: Callable[..., Any], tiny_detector: Detector) -> None:
    with served(tiny_detector, ServeSettings(stop_timeout=1.0)) as address:
        host, port = address.removeprefix("http://").split(":")
        endless = socket.create_connection((host, int(port)))
        endless.sendall(HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"que\r\n')
        time.sleep(0.2)
        stopped = time.monotonic()
    assert time.monotonic() - stopped < 5
    endless.close()


def test_connections_past_the_limit_are_closed(hurried: str) -> None:
    host, port = hurried.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port)), timeout=5) for _ in range(HURRIED.max_connections)]
    time.sleep(0.1)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{hurried}/healthz", timeout=5)
    for each in silent:
        each.close()
    time.sleep(0.2)
    assert httpx.get(f"{hurried}/healthz").status_code == 200


def test_a_client_that_takes_nothing_is_let_go() -> None:
    async def written() -> bool:
        aborted = asyncio.Event()

        class Full(asyncio.Transport):
            def abort(self) -> None:
                aborted.set()

            def get_extra_info(self, name: str, default: Any = None) -> Any:
                return default

        class Hurried(TimedProtocol):
            client_timeout = 0.01

        from uvicorn import Config
        from uvicorn.server import ServerState

        protocol = Hurried(Config(lambda: None), ServerState(), {})
        protocol.connection_made(Full())
        protocol._cancel("_head")
        protocol.pause_writing()
        protocol.resume_writing()
        await asyncio.sleep(0.05)
        taken = not aborted.is_set()
        protocol.pause_writing()
        await asyncio.wait_for(aborted.wait(), 2)
        return taken

    assert asyncio.run(written())


def test_a_client_that_leaves_leaves_no_traceback(
    address: str, tiny_detector: Detector, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps(chat(tiny_detector, stream=True)).encode()
    requests = [
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD.replace(b"/v1/score", b"/v1/chat/completions") + b"Content-Length: %d\r\n\r\n" % len(body) + body,
    ]
    with caplog.at_level(logging.INFO, "uvicorn.error"):
        for request in requests * 3:
            connection = socket.create_connection((host, int(port)))
            connection.sendall(request)
            time.sleep(0.05)
            connection.close()
        time.sleep(0.2)
        assert httpx.get(f"{address}/healthz").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_no_files_left_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    quiet_about_lost_clients(loop)
    for _ in range(1000):
        loop.call_exception_handler({"message": "accept", "exception": OSError(errno.EMFILE, "Too many open files")})
    loop.close()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == "no more connections can be taken: Too many open files; raise the limit (ulimit -n)"


def test_an_escaped_key_is_the_same_key(address: str) -> None:
    asked = [{"question": QUESTION, "answer": "France"}, {"question": QUESTION, "answer": "Peru"}]
    body = json.dumps({"items": asked})
    plain, escaped = (
        httpx.post(f"{address}/v1/score", content=text, headers={"Content-Type": "application/json"}).json()
        for text in (body, body.replace('"items"', r'"\u0069tems"'))
    )
    assert len(escaped["data"]) == 2
    assert escaped == plain
    single = httpx.post(f"{address}/v1/score", json={"question": 'the "items"?', "answer": "Peru"}).json()
    assert "data" not in single


@pytest.mark.parametrize("text", [r"\ud800", r"Which \udfff?", r"\ud83d"])
def test_half_a_character_is_the_clients_fault(address: str, tiny_detector: Detector, text: str) -> None:
    chatting = json.dumps(chat(tiny_detector)).replace(QUESTION, text)
    for path, body in (
        ("/v1/chat/completions", chatting),
        ("/v1/score", f'{{"question": "{text}", "answer": "Peru"}}'),
        ("/v1/score", f'{{"question": "a", "answer": "{text}"}}'),
    ):
        reply = httpx.post(address + path, content=body, headers={"Content-Type": "application/json"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_value")


@pytest.mark.parametrize("body", ['{"question": "a", "question": "b"}', '{"question": "a", "answer": NaN}'])
def test_what_json_does_not_say_plainly_is_refused(address: str, body: str) -> None:
    reply = httpx.post(f"{address}/v1/score", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")


def test_almost_no_temperature_is_greedy(address: str, tiny_detector: Detector) -> None:
    texts = [
        httpx.post(f"{address}/v1/chat/completions", json=chat(tiny_detector, **drawn)).json()["choices"][0]["message"]
        for drawn in ({}, {"temperature": 1e-39}, {"temperature": 1e-300, "top_p": 1e-300, "seed": 7})
    ]
    assert texts[1:] == texts[:1] * 2


def test_no_temperature_overflows() -> None:
    import torch

    logits = torch.tensor([[0.0, 80.0, -3e38, 79.0]])
    for temperature in (1e-3, 1e-39, 5e-324):
        settings = GenerateSettings(temperature=temperature)
        assert sample_tokens(logits, [Prompt("q", (1,))], [0], settings).ids.tolist() == [1]


def test_more_names_or_stops_than_are_looked_for_are_refused(address: str, tiny_detector: Detector) -> None:
    names = [f"name {n}" for n in range(MOST_CANDIDATES + 1)]
    for path, body in (
        ("/v1/score", {"question": QUESTION, "answer": "Peru", "candidates": names}),
        ("/v1/chat/completions", chat(tiny_detector, truthmap={"candidates": names})),
        ("/v1/chat/completions", chat(tiny_detector, stop=names[: MOST_STOPS + 1])),
    ):
        assert httpx.post(address + path, json=body).status_code == 400
    most = chat(tiny_detector, stop=names[:MOST_STOPS], truthmap={"candidates": names[:MOST_CANDIDATES]})
    started = time.process_time()
    assert httpx.post(f"{address}/v1/chat/completions", json=most).status_code == 200
    assert time.process_time() - started < 5


def test_every_error_is_json(address: str) -> None:
    for method, path, status in (("PUT", "/v1/score", 405), ("GET", "/nowhere", 404), ("DELETE", "/", 405)):
        reply = httpx.request(method, address + path)
        assert (reply.status_code, set(reply.json()["error"])) == (status, {"message", "type", "param", "code"})


def test_openapi_says_what_bodies_and_errors_there_are(tiny_detector: Detector) -> None:
    schema = create_app(tiny_detector).openapi()
    for path, own in (("/v1/chat/completions", {"404"}), ("/v1/score", set())):
        operation = schema["paths"][path]["post"]
        assert operation["requestBody"]["required"]
        assert set(operation["responses"]) == own | ALWAYS
    text = json.dumps(schema)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == named & set(schema["components"]["schemas"])
    assert {"ChatRequest", "ScoreRequest", "ScoreItem", "ErrorReply"} <= named
    stop = schema["components"]["schemas"]["ChatRequest"]["properties"]["stop"]
    assert str(MOST_STOPS) in json.dumps(stop)
    assert "#/$defs" not in text
