"""What answering concurrent requests together gains.

A real server on loopback answers the same questions from 50 concurrent clients, once with batches of up to 32 and once
one request at a time.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import uvicorn

from benchmarks._demo import demo_detector
from truthmap.detector.detector import Detector
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.server.app import create_app
from truthmap.server.serve_settings import ServeSettings

_CLIENTS = 50
_TOKENS = 16


def run() -> str:
    """Time both servers on the same questions; every reply must be there and belong to its question."""
    detector = demo_detector()
    questions = [q.text for q in load_questions("cities", QuestionSettings(limit=_CLIENTS, seed=4)).questions]
    rows = []
    for name, batch in (("together, up to 32", 32), ("one at a time", 1)):
        with _served(detector, ServeSettings(max_batch=batch, timeout=600)) as address:
            asyncio.run(_ask_all(address, detector, questions[:1]))
            started = time.perf_counter()
            latencies = asyncio.run(_ask_all(address, detector, questions))
            rows.append((name, len(questions) / (time.perf_counter() - started), sorted(latencies)))
    table = "\n".join(
        f"| {name} | {rate:.2f} | {latencies[len(latencies) // 2]:.1f} | {latencies[-1]:.1f} |"
        for name, rate, latencies in rows
    )
    return (
        f"{detector.lm.name}, {_CLIENTS} clients at once, up to {_TOKENS} tokens each; "
        f"none lost, each reply that of its own question.\n\n"
        "| requests are answered | replies a second | median s | slowest s |\n|---|---|---|---|\n"
        f"{table}\n\nTogether: **{rows[0][1] / rows[1][1]:.1f} times** the throughput."
    )


async def _ask_all(address: str, detector: Detector, questions: Sequence[str]) -> list[float]:
    limits = httpx.Limits(max_connections=len(questions))
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        return list(await asyncio.gather(*(_ask(client, detector.lm.name, question) for question in questions)))


async def _ask(client: httpx.AsyncClient, model: str, question: str) -> float:
    started = time.perf_counter()
    messages = [{"role": "user", "content": question}]
    reply = await client.post(
        "/v1/chat/completions", json={"model": model, "messages": messages, "max_tokens": _TOKENS}
    )
    reply.raise_for_status()
    if reply.json()["truthmap"]["question"] != question:
        raise RuntimeError(f"the reply to {question!r} belongs to another question")
    return time.perf_counter() - started


@contextmanager
def _served(detector: Detector, settings: ServeSettings) -> Iterator[str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(detector, settings), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
