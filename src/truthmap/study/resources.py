"""Where an analysis is computed, and how fast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Where:
    """Where and how fast to compute; no number depends on it but by rounding.

    Attributes:
        device: `auto`, or a torch device.
        batch_tokens: Tokens in one batch, padding included.
        endpoint: Where the endpoint is, for a run whose answers came from one; never taken from the run's folder.
        cluster: A Ray cluster to compute on: `auto` or its address; by default this machine alone.
        workers: How many workers there; by default as many as there is room for.
        gpus_per_worker, cpus_per_worker: What each of them gets.
        trust_remote_code: Run the Python code that came with the run's model. That the run's own settings say so is not
            enough: they may be somebody else's.
    """

    device: str = "auto"
    batch_tokens: int = 8192
    endpoint: str | None = None
    cluster: str | None = None
    workers: int | None = None
    gpus_per_worker: float = 0
    cpus_per_worker: int = 1
    trust_remote_code: bool = False
