"""The application: chat completions with a score, scores of given answers, health, metrics, a page."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from truthmap._version import __version__
from truthmap.detector.described import verdict_stands
from truthmap.detector.detector import Detector
from truthmap.detector.stream_scorer import TokenEvent
from truthmap.detector.verdict import PromptForecast, Verdict, forecast_row, token_rows, verdict_row
from truthmap.errors import TruthmapError
from truthmap.server.batcher import Batcher, JobEvent, JobRunner, ScoringJob
from truthmap.server.http_errors import HttpError
from truthmap.server.middleware import SecurityMiddleware
from truthmap.server.openapi import describe
from truthmap.server.parse_request import PreparedChat, model_id, parse_request, parse_score_item
from truthmap.server.protocol import quiet_about_lost_clients
from truthmap.server.replies import DONE, ChatReply, fault_chunk
from truthmap.server.requests import ScoreItem, read_chat, read_score
from truthmap.server.serve_settings import ServeSettings
from truthmap.server.telemetry import Telemetry

_PAGE = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


StartRunner = Callable[[Detector, ServeSettings, Telemetry], JobRunner]
"""Starts what answers jobs."""


class Server:
    """What the routes share: the detector, its settings, its counters and the batcher that owns the model."""

    def __init__(self, detector: Detector, settings: ServeSettings, runner: StartRunner) -> None:
        self.detector, self.settings, self.telemetry = detector, settings, Telemetry()
        self.batcher = runner(detector, settings, self.telemetry)

    async def chat(self, request: Request) -> Response:
        """Answer a conversation."""
        body = read_chat(await request.body())
        chat = await run_in_threadpool(parse_request, body, self.detector, self.settings)
        job, events = ScoringJob.in_event_loop(chat.scorer)
        reply = ChatReply(chat, model_id(self.detector), body.stops)
        self.batcher.submit(job)
        tokens = self._tokens(job, chat, events)
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            return StreamingResponse(self._stream(reply, tokens, usage=usage), media_type="text/event-stream")
        async with contextlib.aclosing(tokens):
            async for event in tokens:
                reply.add(event)
                if reply.finish_reason or await request.is_disconnected():
                    break
        content = await run_in_threadpool(reply.body)
        self.telemetry.count_verdict(reply.end())
        return JSONResponse(content)

    async def score(self, request: Request) -> Response:
        """Score given answers; for an item without an answer, forecast."""
        asked, listed = read_score(await request.body())
        deadline = time.monotonic() + self.settings.timeout
        jobs: list[tuple[ScoringJob, asyncio.Queue[JobEvent]]] = []
        try:
            for item in asked.items:
                parsed = run_in_threadpool(parse_score_item, item, self.detector, self.settings)
                pair = await asyncio.wait_for(parsed, max(0.0, deadline - time.monotonic()))
                jobs.append(ScoringJob.in_event_loop(pair))
            for job, _ in jobs:
                self.batcher.submit(job)
            pending = asyncio.gather(*(events.get() for _, events in jobs))
            events = await asyncio.wait_for(pending, max(0.0, deadline - time.monotonic()))
            results = [_checked(event) for event in events]
        except TimeoutError as error:
            raise _too_late(self.settings.timeout) from error
        finally:
            for job, _ in jobs:
                job.cancelled.set()
        rows = [self._result(item, result) for item, result in zip(asked.items, results, strict=True)]
        return JSONResponse({"object": "list", "data": rows} if listed else rows[0])

    def _result(self, item: ScoreItem, result: JobEvent) -> dict[str, Any]:
        if isinstance(result, PromptForecast):
            return forecast_row(result)
        assert isinstance(result, Verdict), item
        self.telemetry.count_verdict(result)
        return {**verdict_row(result), "tokens": token_rows(result)}

    async def _tokens(
        self, job: ScoringJob, chat: PreparedChat, events: asyncio.Queue[JobEvent]
    ) -> AsyncGenerator[TokenEvent, None]:
        """Yield a job's tokens until it is complete; whoever stops iterating cancels it."""
        deadline = time.monotonic() + self.settings.timeout
        try:
            while True:
                event = _checked(await asyncio.wait_for(events.get(), max(0.0, deadline - time.monotonic())))
                if not isinstance(event, TokenEvent):
                    return
                yield event
        except TimeoutError as error:
            raise _too_late(self.settings.timeout) from error
        finally:
            job.cancelled.set()
            chat.cancelled.set()

    async def _stream(
        self, reply: ChatReply, tokens: AsyncGenerator[TokenEvent, None], *, usage: bool
    ) -> AsyncIterator[bytes]:
        yield reply.chunk({"role": "assistant", "content": ""})
        try:
            async with contextlib.aclosing(tokens):
                async for event in tokens:
                    text = reply.add(event)
                    extra: dict[str, Any] = {"index": event.index, "text": event.text, "score": event.score}
                    if event.thought:
                        extra["thought"] = event.thought
                    # With a stop text it is open until the end whether the answer ends as in training.
                    if event.verdict is not None and not event.last and not reply.stops:
                        extra["verdict"] = verdict_row(event.verdict)
                    delta = {"reasoning_content": event.thought} if event.thought else {}
                    yield reply.chunk({**delta, "content": text} if text or not delta else delta, extra)
                    if reply.finish_reason:
                        break
        except HttpError as fault:
            yield fault_chunk(fault.message, fault.code)
            return
        fields = await run_in_threadpool(reply.verdict_fields)
        self.telemetry.count_verdict(reply.end())
        yield reply.chunk({}, fields)
        if usage:
            yield reply.usage_chunk()
        yield DONE


def create_app(detector: Detector, settings: ServeSettings | None = None, runner: StartRunner = Batcher) -> FastAPI:
    """Make the application that serves a detector.

    Args:
        detector: A loaded detector.
        settings: Limits and the key.
        runner: Starts what answers jobs; by default the detector's own model, in batches.
    """
    settings = settings or ServeSettings()
    server = Server(detector, settings, runner)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        quiet_about_lost_clients(asyncio.get_running_loop())
        yield
        await run_in_threadpool(server.batcher.stop)

    app = FastAPI(title="truthmap", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(SecurityMiddleware, settings=settings, telemetry=server.telemetry)

    @app.exception_handler(HttpError)
    async def fault(_: Request, error: HttpError) -> Response:
        return JSONResponse(error.body(), error.status, error.headers())

    @app.exception_handler(404)
    async def nowhere(request: Request, _: Exception) -> Response:
        error = HttpError(404, f"there is nothing at {request.url.path}", "not_found")
        return JSONResponse(error.body(), 404)

    @app.exception_handler(405)
    async def not_so(request: Request, fault: Exception) -> Response:
        error = HttpError(405, f"{request.url.path} is not asked with {request.method}", "method_not_allowed")
        return JSONResponse(error.body(), 405, getattr(fault, "headers", None))

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        told = HttpError(500, f"the server failed: {type(error).__name__}", "server_failed")
        return JSONResponse(told.body(), 500)

    app.add_api_route("/v1/chat/completions", server.chat, methods=["POST"], response_model=None)
    app.add_api_route("/v1/score", server.score, methods=["POST"], response_model=None)

    @app.get("/v1/models", response_model=None)
    async def models() -> Response:
        entry = {"id": model_id(detector), "object": "model", "created": 0, "owned_by": "truthmap"}
        return JSONResponse({"object": "list", "data": [entry]})

    @app.get("/v1/detector", response_model=None)
    async def about() -> Response:
        return JSONResponse(about_detector(detector))

    @app.get("/healthz", response_model=None)
    async def healthz() -> Response:
        lost = server.batcher.lost
        return JSONResponse({"status": "ok"}) if lost is None else JSONResponse({"status": f"{lost}"}, 503)

    @app.get("/metrics", response_model=None)
    async def metrics() -> Response:
        return Response(server.telemetry.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    for path, (name, kind) in _PAGE.items():
        content = (resources.files("truthmap.server") / "page" / name).read_bytes()
        app.add_api_route(path, _static(content, kind), methods=["GET"], include_in_schema=False)
    describe(app)
    return app


def about_detector(detector: Detector) -> dict[str, Any]:
    """Say in short what is served: model, questions, where it reads, how good it is, what it guarantees."""
    config = detector.config
    head = config.heads[0]
    return {
        "model": model_id(detector),
        "questions": config.training.questions,
        "cells": [f"layer {cell.layer}, {cell.position}" for cell in head.cells],
        "test_auc": head.test.model_dump(),
        "guarantee": config.guarantee_sentence,
        "guarantee_holds": head.guarantees[0].holds,
        "answers": str(config.asking.answers),
        "about": config.asking.answers.described,
        "coverage": head.guarantees[0].coverage,
        "verdict": verdict_stands(config),
        "warnings": list(config.warnings),
    }


def _static(content: bytes, kind: str) -> Any:
    async def page() -> Response:
        return Response(content, media_type=kind)

    return page


def _checked(event: JobEvent) -> JobEvent:
    """Return an event that is no failure.

    Raises:
        HttpError: it is one: the request's fault (400), or the model's (500).
    """
    if isinstance(event, TruthmapError):
        raise HttpError(400, str(event), "invalid_value")
    if isinstance(event, Exception):
        raise HttpError(500, f"the model failed: {type(event).__name__}", "model_failed")
    return event


def _too_late(seconds: float) -> HttpError:
    return HttpError(504, f"the answer was not complete within {seconds:g} seconds", "timeout")
