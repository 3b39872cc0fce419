"""Requests that come together are answered together: one thread owns the model, all else waits for its events."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from truthmap.detector.detector import Detector
from truthmap.detector.stream_scorer import StreamScorer, TokenEvent
from truthmap.detector.verdict import PromptForecast, Verdict
from truthmap.errors import TruthmapError
from truthmap.records import Question
from truthmap.server.http_errors import HttpError
from truthmap.server.serve_settings import ServeSettings
from truthmap.server.telemetry import Telemetry

Event = TokenEvent | Verdict | PromptForecast | Exception | None
"""What a job is told: a token, its result, what went wrong, or (`None`) that it is complete."""


@dataclass(eq=False)
class ScoringJob:
    """A request on its way.

    Attributes:
        work: An answer to hear; or a question with an answer to score, or without one to forecast.
        tell: Takes each event; called in the model's thread.
        cancelled: Set when nobody waits for it any more.
    """

    work: StreamScorer | tuple[Question, str | None]
    tell: Callable[[Event], object]
    cancelled: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def here(cls, work: StreamScorer | tuple[Question, str | None]) -> tuple[ScoringJob, asyncio.Queue[Event]]:
        """Make a job whose events arrive in a queue of the running event loop."""
        events: asyncio.Queue[Event] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        return cls(work, lambda event: loop.call_soon_threadsafe(events.put_nowait, event)), events


class Batcher:
    """Owns the model: takes jobs, puts those that wait into one batch, tells each what happens to it."""

    def __init__(self, detector: Detector, settings: ServeSettings, metrics: Telemetry) -> None:
        self._detector, self._settings, self._metrics = detector, settings, metrics
        self._waiting: queue.Queue[ScoringJob | None] = queue.Queue()
        self._stopping = threading.Event()
        self._left: ScoringJob | None = None
        self._thread = threading.Thread(target=self._run, name="truthmap-model", daemon=True)
        self._thread.start()

    def submit(self, job: ScoringJob) -> None:
        """Take a job.

        Raises:
            HttpError: too many wait (429), or the server is stopping (503).
        """
        if self._stopping.is_set():
            raise HttpError(503, "the server is stopping", "stopping")
        if self._waiting.qsize() >= self._settings.max_queue:
            raise HttpError(429, f"{self._settings.max_queue} requests wait already; try again later", "queue_full")
        self._waiting.put(job)
        self._metrics.waiting.set(self._waiting.qsize())

    def stop(self) -> None:
        """Finish what is waiting and running, then end the thread."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is None:
                return
            self._metrics.waiting.set(self._waiting.qsize())
            self._metrics.batch_size.observe(len(batch))
            try:
                self._do(batch)
            except Exception as error:  # noqa: BLE001 - whatever fails, the callers are told and the thread lives on
                for job in batch:
                    job.tell(error)

    def _next_batch(self) -> list[ScoringJob] | None:
        """Wait for a job, and a moment more for others; `None`: everything is done and the server stops."""
        first = self._left or self._waiting.get()
        self._left = None
        if first is None:
            return None
        batch, until = [first], time.monotonic() + self._settings.batch_wait
        longest = _length(first)
        while len(batch) < self._settings.max_batch:
            try:
                job = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(None)
                break
            longest = max(longest, _length(job))
            if longest * (len(batch) + 1) > self._settings.batch_tokens:
                self._left = job
                break
            batch.append(job)
        return batch

    def _do(self, batch: Sequence[ScoringJob]) -> None:
        wanted = [job for job in batch if not job.cancelled.is_set()]
        self._score([job for job in wanted if not isinstance(job.work, StreamScorer)])
        jobs = {job.work: job for job in wanted if isinstance(job.work, StreamScorer)}
        for listener, event in self._detector.hear(list(jobs)):
            self._metrics.tokens.inc()
            jobs[listener].tell(event)
        for job in jobs.values():
            job.tell(None)

    def _score(self, jobs: Sequence[ScoringJob]) -> None:
        """Score given answers together; one that fails by itself fails alone."""
        given = [(job, question, answer) for job in jobs for question, answer in [_pair(job)] if answer is not None]
        for job, verdict in zip(
            [job for job, _, _ in given], self._detector.score_batch([(q, a) for _, q, a in given]), strict=True
        ):
            job.tell(verdict)
        for job in jobs:
            question, answer = _pair(job)
            if answer is None:
                try:
                    job.tell(self._detector.forecast(question))
                except TruthmapError as error:
                    job.tell(error)


def _pair(job: ScoringJob) -> tuple[Question, str | None]:
    assert not isinstance(job.work, StreamScorer)
    return job.work


def _length(job: ScoringJob) -> int:
    """Return the tokens that a job takes, roughly for a text (four characters make a token)."""
    if isinstance(job.work, StreamScorer):
        return len(job.work.ask.prompt.prompt_ids) + job.work.ask.settings.max_new_tokens
    question, answer = job.work
    return (len(question.text) + len(answer or "")) // 4 + 64
