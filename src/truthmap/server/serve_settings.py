"""How the server behaves."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.detector.exit_rule import EarlyExitAt
from truthmap.errors import UsageError


@dataclass(frozen=True)
class ServeSettings:
    """Limits and the key of a server.

    Attributes:
        api_key: What clients must send as `Authorization: Bearer …`; `None`: nothing is asked for.
        hosts: Names under which the server may be addressed; `None`: any. Without this check a web page could reach a
            server on loopback through a name of its own that resolves to it.
        max_body: Largest request body, in bytes (413).
        max_tokens: Longest answer that may be asked for, in tokens (413).
        max_prompt_tokens: Longest prompt, in tokens (413).
        max_queue: Requests that may wait (429).
        timeout: Seconds until an answer must be complete (504).
        client_timeout: Seconds in which a client must send its request (408), and take what it is sent.
        stop_timeout: Seconds in which requests that are running may end when the server is stopped.
        max_connections: Connections at a time; fewer where the system allows fewer open files.
        max_batch: Requests that are answered together.
        batch_tokens: Tokens in one batch, padding and the answers' room included.
        batch_wait: Seconds that the first request of a batch waits for others.
        early_exit: Close a thought once P(right), read at its newest token, is at least this, or as the
            sealed guarantees have it; `None`: never.
    """

    api_key: str | None = None
    hosts: tuple[str, ...] | None = ("localhost", "127.0.0.1", "[::1]")
    max_body: int = 1 << 18
    max_tokens: int = 512
    max_prompt_tokens: int = 4096
    max_queue: int = 256
    timeout: float = 120.0
    client_timeout: float = 20.0
    stop_timeout: float = 30.0
    max_connections: int = 1024
    max_batch: int = 32
    batch_tokens: int = 16384
    batch_wait: float = 0.005
    early_exit: EarlyExitAt | None = None

    def __post_init__(self) -> None:
        for name in (
            "max_body",
            "max_tokens",
            "max_prompt_tokens",
            "max_queue",
            "timeout",
            "client_timeout",
            "stop_timeout",
            "max_connections",
            "max_batch",
            "batch_tokens",
        ):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be positive, got {getattr(self, name)}")
        if self.api_key is not None and (
            not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable()
        ):
            raise UsageError("the API key must be printable ASCII and not empty")
