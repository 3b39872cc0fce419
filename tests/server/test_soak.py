"""Fifty clients of all kinds at once, good and bad: no reply is lost, none is another's, and nothing freezes.

Ten seconds among the slow tests; `TRUTHMAP_SOAK` seconds where that is set (`make soak`: half an hour). What happened
is written to `TRUTHMAP_SOAK_REPORT`, if that names a file.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

CLIENTS = 50
CLIENT_TIMEOUT = 5.0
FROZEN = 10.0
"""Seconds without an answer to /healthz that count as frozen, on a machine that does other work, too."""
QUESTIONS = [f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(40)]
ANSWERS = ["In France.", "I do not know.", "The city of Paris is in Peru", "Germany"]
HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BUSY = (429, 503)
INVALID: list[tuple[str, str, bytes, int]] = [
    ("POST", "/v1/score", b"{", 400),
    ("POST", "/v1/score", b'{"question": "\\ud800", "answer": "a"}', 400),
    ("POST", "/v1/score", b"[" * 100_000, 400),
    ("POST", "/v1/chat/completions", b'{"model": "another", "messages": [{"role": "user", "content": "a"}]}', 404),
    ("POST", "/v1/chat/completions", b'{"model": "m", "messages": []}', 400),
    ("PUT", "/v1/score", b"{}", 405),
    ("GET", "/v1/nothing", b"", 404),
]


@dataclass
class Seen:
    """What the clients saw."""

    replies: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    expected: dict[str, str] = field(default_factory=dict)
    scores: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where the server is, and what a client knows."""

    address: str
    model: str
    seen: Seen
    ends: float

    def connect(self) -> socket.socket:
        host, port = self.address.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=60)


def chat(place: Place, question: str, **more: Any) -> dict[str, Any]:
    return {"model": place.model, "messages": [{"role": "user", "content": question}], **more}


def asked(place: Place, http: httpx.Client, draw: random.Random) -> str:
    question = draw.choice(QUESTIONS)
    reply = http.post("/v1/chat/completions", json=chat(place, question))
    if reply.status_code in BUSY:
        return "busy"
    said = reply.json()["choices"][0]["message"]["content"]
    assert said == place.seen.expected[question], f"{question}: {said!r}"
    return "answered"


def streamed(place: Place, http: httpx.Client, draw: random.Random) -> str:
    question = draw.choice(QUESTIONS)
    with http.stream("POST", "/v1/chat/completions", json=chat(place, question, stream=True)) as reply:
        if reply.status_code in BUSY:
            return "busy"
        events = [line.removeprefix("data: ") for line in reply.iter_lines() if line]
    assert events[-1] == "[DONE]", events[-1]
    said = "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1])
    assert said == place.seen.expected[question], f"{question}: {said!r}"
    return "streamed"


def scored(place: Place, http: httpx.Client, draw: random.Random) -> str:
    pairs = [(draw.choice(QUESTIONS), draw.choice(ANSWERS)) for _ in range(draw.randint(1, 12))]
    reply = http.post("/v1/score", json={"items": [{"question": q, "answer": a} for q, a in pairs]})
    if reply.status_code in BUSY:
        return "busy"
    for pair, row in zip(pairs, reply.json()["data"], strict=True):
        known = place.seen.scores.setdefault(pair, row["score"])
        assert abs(row["score"] - known) < 1e-3, f"{pair}: {row['score']} and {known}"
    return "scored"


def cancelled(place: Place, http: httpx.Client, draw: random.Random) -> str:
    body = json.dumps(chat(place, draw.choice(QUESTIONS), stream=draw.random() < 0.7)).encode()
    with place.connect() as connection:
        head = HEAD.format(path="/v1/chat/completions") + f"Content-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[: draw.choice((len(body), len(body) // 2))])
        connection.settimeout(0.2)
        with suppress(OSError):
            connection.recv(draw.choice((1, 300)))
    return "cancelled"


def slow(place: Place, http: httpx.Client, draw: random.Random) -> str:
    question = draw.choice(QUESTIONS)
    body = json.dumps(chat(place, question)).encode()
    with place.connect() as connection:
        head = HEAD.format(path="/v1/chat/completions") + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        for start in range(0, len(body), 16):
            connection.sendall(body[start : start + 16])
            time.sleep(0.1)
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    if int(reply.split(b" ", 2)[1]) in BUSY:
        return "busy"
    said = json.loads(reply.partition(b"\r\n\r\n")[2])["choices"][0]["message"]["content"]
    assert said == place.seen.expected[question], f"{question}: {said!r}"
    return "answered slowly"


def half_open(place: Place, http: httpx.Client, draw: random.Random) -> str:
    head = HEAD.format(path="/v1/score")
    endless = f'{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{"que\r\n'
    with place.connect() as connection:
        started = time.monotonic()
        connection.sendall(draw.choice((endless, head, "", "GET / HT")).encode())
        with suppress(ConnectionResetError):
            for _ in iter(lambda: connection.recv(65536), b""):
                pass
    assert time.monotonic() - started < CLIENT_TIMEOUT + FROZEN, "the server waits for ever"
    return "given up"


def huge(place: Place, http: httpx.Client, draw: random.Random) -> str:
    body = json.dumps(chat(place, "a" * (1 << 20))).encode()
    with suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):  # it may close before all is sent
        reply = http.post("/v1/score", content=body, headers={"Content-Type": "application/json"})
        assert reply.status_code == 413, reply.status_code
    return "too large"


def invalid(place: Place, http: httpx.Client, draw: random.Random) -> str:
    method, path, body, status = draw.choice(INVALID)
    reply = http.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status, f"{method} {path}: {reply.status_code}"
    assert reply.json()["error"]["message"]
    return "refused"


KINDS: list[Callable[[Place, httpx.Client, random.Random], str]] = [
    asked, asked, streamed, streamed, scored, cancelled, slow, half_open, huge, invalid,
]  # fmt: skip


def client(place: Place, number: int) -> None:
    """Be one client until the time is over: mostly of one kind, now and then of another."""
    draw = random.Random(number)
    with httpx.Client(base_url=place.address, timeout=120) as http:
        while time.monotonic() < place.ends:
            kind = KINDS[number % len(KINDS)] if draw.random() < 0.8 else draw.choice(KINDS)
            try:
                place.seen.replies[kind(place, http, draw)] += 1
            except (AssertionError, httpx.HTTPError, OSError, ValueError, LookupError) as error:
                place.seen.faults.append(f"{kind.__name__}: {type(error).__name__} {error}")


def watch(place: Place) -> None:
    """Measure how long /healthz takes, again and again."""
    while time.monotonic() < place.ends:
        started = time.monotonic()
        try:
            httpx.get(f"{place.address}/healthz", timeout=60).raise_for_status()
        except httpx.HTTPError as error:
            place.seen.faults.append(f"healthz: {error!r}")
        place.seen.slowest = max(place.seen.slowest, time.monotonic() - started)
        time.sleep(0.25)


@contextmanager
def command(folder: Path, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `truthmap serve` while inside the `with`; gives the process and its address."""
    with log.open("wb") as written:
        options = ["--port", "0", "--client-timeout", str(CLIENT_TIMEOUT)]
        process = subprocess.Popen(
            [sys.executable, "-m", "truthmap", "serve", str(folder), *options], stdout=written, stderr=written
        )
        try:
            while (found := re.search(r"running on (http://[\d.:]+)", log.read_text())) is None:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            yield process, found[1]
        finally:
            process.kill()
            process.wait()


def seconds() -> float:
    return float(os.environ.get("TRUTHMAP_SOAK", "10"))


@pytest.mark.slow
def test_fifty_mixed_clients_lose_nothing(sealed: Path, tiny_model: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with command(sealed, log) as (process, address):
        place = Place(address, tiny_model.name, Seen(), time.monotonic() + seconds())
        for question in QUESTIONS:
            reply = httpx.post(f"{address}/v1/chat/completions", json=chat(place, question), timeout=60)
            place.seen.expected[question] = reply.json()["choices"][0]["message"]["content"]
        before = psutil.Process(process.pid).memory_info().rss
        workers = [threading.Thread(target=client, args=(place, n), daemon=True) for n in range(CLIENTS)]
        workers.append(threading.Thread(target=watch, args=(place,), daemon=True))
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(seconds() + 300)
        after = psutil.Process(process.pid).memory_info().rss
        hanging = sum(worker.is_alive() for worker in workers)
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        told = {
            "seconds": seconds(), "clients": CLIENTS, "replies": dict(place.seen.replies), "faults": place.seen.faults,
            "slowest_healthz": place.seen.slowest, "hanging": hanging, "seconds_to_stop": time.monotonic() - stopped,
            "code": code, "megabytes": [before / 1e6, after / 1e6], "log_lines": len(log.read_text().splitlines()),
        }  # fmt: skip
    report(told)
    assert told["faults"] == []
    assert hanging == 0
    assert place.seen.slowest < FROZEN
    assert len(set(place.seen.expected.values())) > len(QUESTIONS) // 2, "else a mixed-up reply would go unseen"
    assert set(place.seen.replies) >= {"answered", "streamed", "scored", "cancelled", "refused"}
    assert "Traceback" not in log.read_text()
    assert after - before < 500e6


def report(told: Mapping[str, Any]) -> None:
    where = os.environ.get("TRUTHMAP_SOAK_REPORT")
    if where:
        Path(where).write_text(json.dumps(told, indent=2))


@pytest.mark.slow
@pytest.mark.skipif("TRUTHMAP_SOAK" not in os.environ, reason="takes its time: make soak")
def test_schemathesis_finds_no_fault(sealed: Path, tmp_path: Path) -> None:
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    options = ["--checks", checks, "--max-examples", str(max(10, int(seconds() / 20))), "--generation-deterministic"]
    with command(sealed, tmp_path / "log") as (_, address):
        tool = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json", *options]
        done = subprocess.run(tool, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
