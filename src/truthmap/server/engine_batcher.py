"""Requests that go to vLLM as they come: it batches by itself, and one thread sends each its events."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from truthmap.answers.engines.vllm_stream import StreamNews, VllmStream
from truthmap.arrays import AnyArray
from truthmap.detector.continuous import Came, ContinuousDecoder
from truthmap.detector.detector import Detector
from truthmap.detector.stream_scorer import StreamScorer
from truthmap.detector.streaming import DecodedToken
from truthmap.errors import ModelError, TruthmapError
from truthmap.records import Answer, Question
from truthmap.server.batcher import JobEvent, ScoringJob, require_room
from truthmap.server.http_errors import HttpError
from truthmap.server.serve_settings import ServeSettings
from truthmap.server.telemetry import Telemetry

_Given = tuple[Question, Answer | None]


class EngineBatcher:
    """Owns vLLM: takes jobs, lets it answer as many together as it may, sends each its events.

    Args:
        detector: The detector; its model needs no weights.
        settings: Limits.
        telemetry: Counts.
        stream: vLLM, which does not serve yet.
    """

    def __init__(self, detector: Detector, settings: ServeSettings, telemetry: Telemetry, stream: VllmStream) -> None:
        self._detector, self._settings, self._telemetry, self._stream = detector, settings, telemetry, stream
        self._decoder: ContinuousDecoder[ScoringJob] = ContinuousDecoder(detector.lm, stream)
        self._came: queue.SimpleQueue[ScoringJob | Sequence[StreamNews] | ModelError | None] = queue.SimpleQueue()
        self._waiting: deque[ScoringJob] = deque()
        self._given: dict[ScoringJob, _Given] = {}
        self._stopping = threading.Event()
        self.lost: ModelError | None = None
        stream.begin()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in ((self._run, "truthmap-answers"), (self._listen, "truthmap-vllm"))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: ScoringJob) -> None:
        """Take a job.

        Raises:
            HttpError: too many wait (429), the server is stopping, or vLLM has ended (503).
        """
        if self.lost is not None:
            raise HttpError(503, f"{self.lost}", "engine_lost")
        require_room(self._settings, len(self._waiting), stopping=self._stopping.is_set())
        self._waiting.append(job)
        self._telemetry.waiting.set(len(self._waiting))
        self._came.put(job)

    def stop(self) -> None:
        """Finish what waits and runs, and end vLLM."""
        self._stopping.set()
        self._came.put(None)
        self._threads[0].join(self._settings.stop_timeout)
        self._stream.close()

    def _listen(self) -> None:
        """Hand on what vLLM says, until it has ended."""
        try:
            while True:
                self._came.put(self._stream.news())
        except (ModelError, ValueError, OSError) as error:  # its pipe is closed once the server has stopped
            self._came.put(error if isinstance(error, ModelError) else None)

    def _run(self) -> None:
        while not (self._stopping.is_set() and not self._waiting and not len(self._decoder)):
            came = self._came.get()
            try:
                if isinstance(came, ModelError):
                    raise came
                if isinstance(came, list):
                    self._send(came)
                self._admit()
            except ModelError as error:
                self._fail(error)
                return

    def _admit(self) -> None:
        """Begin what waits, as far as there is room."""
        while self._waiting and len(self._decoder) < self._settings.max_batch:
            job = self._waiting[0]
            try:
                if not job.cancelled.is_set() and not self._begin(job):
                    return
            except ModelError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever fails, the caller gets it and the others go on
                job.send(error)
            self._waiting.popleft()
            self._telemetry.waiting.set(len(self._waiting))
            self._telemetry.batch_size.observe(len(self._decoder))

    def _begin(self, job: ScoringJob) -> bool:
        """Begin a job; false: there is no room yet."""
        if isinstance(job.task, StreamScorer):
            return self._decoder.answer(job, job.task.request)
        question, text = job.task
        if text is None:
            self._given[job] = question, None
            return self._decoder.read(job, self._detector.prompt_ids(question), ())
        answer = self._detector.given_answer(question, text)
        if not answer.answer_ids:
            job.send(self._detector.verdict_on_given(question, answer, None))
            return True
        self._given[job] = question, answer
        return self._decoder.read(job, answer.prompt_ids, answer.answer_ids)

    def _send(self, news: Sequence[StreamNews]) -> None:
        for job, came in self._decoder.take(news):
            try:
                event = self._event(job, came)
            except Exception as error:  # noqa: BLE001 - as above
                job.cancelled.set()
                event = error
            if event is not None or came is None:
                job.send(event)

    def _event(self, job: ScoringJob, came: Came) -> JobEvent:
        """Return what a job is sent."""
        if came is None or isinstance(came, Exception):
            self._given.pop(job, None)
            return came
        if not isinstance(came, DecodedToken):
            return self._scored(job, came)
        scorer = job.task
        assert isinstance(scorer, StreamScorer)
        event = scorer.feed(came)
        if event is None:
            return None
        self._telemetry.tokens.inc()
        if event.last and scorer.needs_locator:
            return replace(event, verdict=scorer.verdict(graders=self._detector.graders))
        return event

    def _scored(self, job: ScoringJob, states: AnyArray) -> JobEvent:
        question, answer = self._given.pop(job)
        if answer is not None:
            return self._detector.verdict_on_given(question, answer, states)
        try:
            return self._detector.forecast_from(question, states[0])
        except TruthmapError as error:
            return error

    def _fail(self, reason: ModelError) -> None:
        """Tell everybody that vLLM has ended."""
        self.lost = reason
        lost = RuntimeError("vLLM has ended")
        for job, _ in self._decoder.failed(lost):
            job.send(lost)
        while self._waiting:
            self._waiting.popleft().send(lost)
