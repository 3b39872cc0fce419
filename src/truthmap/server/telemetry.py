"""What the server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from truthmap.detector.verdict import Verdict


class Telemetry:
    """The counters of one server; each server has a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "truthmap_requests", "Requests by path and status", ["path", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "truthmap_request_seconds", "Seconds until a reply was complete", ["path"], registry=self._registry
        )
        self.waiting = Gauge("truthmap_queue_length", "Requests that wait for a batch", registry=self._registry)
        self.batch_size = Histogram(
            "truthmap_batch_size",
            "Requests answered together",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self._registry,
        )
        self.tokens = Counter("truthmap_answer_tokens", "Answer tokens generated", registry=self._registry)
        self._verdicts = Counter(
            "truthmap_verdicts", "Verdicts given: trusted, not trusted, no claim", ["kind"], registry=self._registry
        )
        self._out_of_distribution = Counter(
            "truthmap_out_of_distribution", "Verdicts out of the training distribution", registry=self._registry
        )

    def count_verdict(self, verdict: Verdict) -> None:
        """Count a verdict."""
        self._verdicts.labels(kind=verdict.kind).inc()
        if verdict.out_of_distribution or verdict.question_out_of_distribution:
            self._out_of_distribution.inc()

    def text(self) -> bytes:
        """Return all counters as Prometheus reads them."""
        return generate_latest(self._registry)
