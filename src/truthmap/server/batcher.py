"""Requests that come together are answered together: one thread owns the model, all else waits for its events."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from truthmap.detector.detector import Detector
from truthmap.detector.stream_scorer import StreamScorer, TokenEvent
from truthmap.detector.verdict import PromptForecast, Verdict
from truthmap.errors import TruthmapError
from truthmap.records import Question
from truthmap.server.http_errors import HttpError
from truthmap.server.serve_settings import ServeSettings
from truthmap.server.telemetry import Telemetry

JobEvent = TokenEvent | Verdict | PromptForecast | Exception | None
"""What a job is sent: a token, its result, what went wrong, or (`None`) that it is complete."""


@dataclass(eq=False)
class ScoringJob:
    """A request on its way.

    Attributes:
        task: An answer to decode and score; or a question with an answer to score, or without one to forecast.
        send: Takes each event; called in the model's thread.
        cancelled: Set when nobody waits for it any more.
    """

    task: StreamScorer | tuple[Question, str | None]
    send: Callable[[JobEvent], object]
    cancelled: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def in_event_loop(
        cls, task: StreamScorer | tuple[Question, str | None]
    ) -> tuple[ScoringJob, asyncio.Queue[JobEvent]]:
        """Return a job and the queue of the running event loop in which its events arrive."""
        events: asyncio.Queue[JobEvent] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def send(event: JobEvent) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and whoever waited with it
                loop.call_soon_threadsafe(events.put_nowait, event)

        return cls(task, send), events


class JobRunner(Protocol):
    """Whatever answers jobs."""

    @property
    def lost(self) -> Exception | None:
        """Why it will answer nothing any more."""
        ...

    def submit(self, job: ScoringJob) -> None:
        """Take a job.

        Raises:
            HttpError: it is not taken now.
        """
        ...

    def stop(self) -> None:
        """Finish what waits and runs."""
        ...


def require_room(settings: ServeSettings, n_waiting: int, *, stopping: bool) -> None:
    """Refuse a job that cannot wait.

    Raises:
        HttpError: too many wait (429), or the server is stopping (503).
    """
    if stopping:
        raise HttpError(503, "the server is stopping", "stopping")
    if n_waiting >= settings.max_queue:
        raise HttpError(429, f"{settings.max_queue} requests wait already; try again later", "queue_full")


class Batcher:
    """Owns the model: takes jobs, puts those that wait into one batch, sends each its events."""

    lost = None

    def __init__(self, detector: Detector, settings: ServeSettings, telemetry: Telemetry) -> None:
        self._detector, self._settings, self._telemetry = detector, settings, telemetry
        self._waiting: queue.Queue[ScoringJob | None] = queue.Queue()
        self._stopping = threading.Event()
        self._deferred: ScoringJob | None = None
        self._thread = threading.Thread(target=self._run, name="truthmap-model", daemon=True)
        self._thread.start()

    def submit(self, job: ScoringJob) -> None:
        """Take a job.

        Raises:
            HttpError: too many wait (429), or the server is stopping (503).
        """
        require_room(self._settings, self._waiting.qsize(), stopping=self._stopping.is_set())
        self._waiting.put(job)
        self._telemetry.waiting.set(self._waiting.qsize())

    def stop(self) -> None:
        """Finish what waits and runs, and end the thread; one that does not end in time ends with the process."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join(self._settings.stop_timeout)

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is None:
                return
            self._telemetry.waiting.set(self._waiting.qsize())
            self._telemetry.batch_size.observe(len(batch))
            try:
                self._run_batch(batch)
            except Exception as error:  # noqa: BLE001 - whatever fails, the callers get it and the thread lives on
                for job in batch:
                    job.send(error)

    def _next_batch(self) -> list[ScoringJob] | None:
        """Wait for a job, and a moment more for others; `None`: everything is done and the server stops."""
        first = self._deferred or self._waiting.get()
        self._deferred = None
        if first is None:
            return None
        batch, deadline = [first], time.monotonic() + self._settings.batch_wait
        longest = _length(first)
        while len(batch) < self._settings.max_batch:
            try:
                job = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(None)
                break
            longest = max(longest, _length(job))
            if longest * (len(batch) + 1) > self._settings.batch_tokens:
                self._deferred = job
                break
            batch.append(job)
        return batch

    def _run_batch(self, batch: Sequence[ScoringJob]) -> None:
        wanted = [job for job in batch if not job.cancelled.is_set()]
        self._score([job for job in wanted if not isinstance(job.task, StreamScorer)])
        jobs = {job.task: job for job in wanted if isinstance(job.task, StreamScorer)}
        for scorer, event in self._detector.stream_batch(list(jobs)):
            self._telemetry.tokens.inc()
            jobs[scorer].send(event)
        for job in jobs.values():
            job.send(None)

    def _score(self, jobs: Sequence[ScoringJob]) -> None:
        """Score given answers together; one that fails by itself fails alone."""
        given = [(job, question, answer) for job in jobs for question, answer in [_pair(job)] if answer is not None]
        for job, verdict in zip(
            [job for job, _, _ in given], self._detector.score_batch([(q, a) for _, q, a in given]), strict=True
        ):
            job.send(verdict)
        for job in jobs:
            question, answer = _pair(job)
            if answer is None:
                try:
                    job.send(self._detector.forecast(question))
                except TruthmapError as error:
                    job.send(error)


def _pair(job: ScoringJob) -> tuple[Question, str | None]:
    assert not isinstance(job.task, StreamScorer)
    return job.task


def _length(job: ScoringJob) -> int:
    """Return the tokens that a job takes, roughly for a text (four characters make a token)."""
    if isinstance(job.task, StreamScorer):
        return len(job.task.request.prompt.prompt_ids) + job.task.request.settings.max_new_tokens
    question, answer = job.task
    return (len(question.text) + len(answer or "")) // 4 + 64
