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
    """

    device: str = "auto"
    batch_tokens: int = 8192
    endpoint: str | None = None
