"""HTTP with clients that may be slow, half there or too many: each has a time, and all have a number."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import time
from collections.abc import Callable
from typing import Any, ClassVar

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from truthmap.errors import UsageError
from truthmap.server.serve_settings import ServeSettings

_SPARE_FILES = 64
"""Files that are open besides connections."""
_MOST_CONNECTIONS = 4096
_BACKLOG = 128
_KEEP_ALIVE = 5.0  # seconds that an idle connection is kept for another request
_SECONDS_BETWEEN_LOGS = 60.0
_NO_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_logger = logging.getLogger("uvicorn.error")


class TimedProtocol(H11Protocol):
    """HTTP/1.1 that waits no longer than it is told: for the head of a request, and for a client to take its reply.

    The time of a body is counted where it is read (`SecurityMiddleware`), that of an answer by the batcher.
    """

    client_timeout: ClassVar[float] = 20.0
    most_connections: ClassVar[int] = _MOST_CONNECTIONS
    _head: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; one too many is closed at once, before it takes the last file."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._head = self.loop.call_later(self.client_timeout, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of another request's head begin its time."""
        super().data_received(data)
        if not self._waits_for_head():
            self._cancel("_head")
        elif self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.client_timeout, self._give_up)

    def pause_writing(self) -> None:
        """Begin the time in which the client must take what was sent."""
        super().pause_writing()
        self._cancel("_taking")
        self._taking = self.loop.call_later(self.client_timeout, self._give_up)

    def resume_writing(self) -> None:
        """End it."""
        super().resume_writing()
        self._cancel("_taking")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel("_head")
        self._cancel("_taking")
        super().connection_lost(exc)

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _cancel(self, name: str) -> None:
        timer = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


class ListeningServer(uvicorn.Server):
    """A server that says when it takes requests.

    Args:
        config: Its settings.
        listening: Told the server's address then.
    """

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests.

        Raises:
            UsageError: the address or the port cannot be listened on.
        """
        try:
            await super().startup(sockets)
        except SystemExit as error:
            where = f"{self.config.host}, port {self.config.port}"
            raise UsageError(f"{where} cannot be listened on, as said above; choose others: --host, --port") from error
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


def server_config(app: FastAPI, settings: ServeSettings, **options: Any) -> uvicorn.Config:
    """Return how uvicorn serves an application: with the limits of the settings.

    Args:
        app: The application.
        settings: Its limits.
        options: Further options of uvicorn: host, port, log level.
    """
    files = _raised_file_limit()
    most = max(1, min(settings.max_connections, files - _SPARE_FILES))
    limits = {"client_timeout": settings.client_timeout, "most_connections": most}
    return uvicorn.Config(
        app,
        http=type("LimitedProtocol", (TimedProtocol,), limits),
        ws="none",
        backlog=_BACKLOG,
        timeout_keep_alive=max(1, round(min(_KEEP_ALIVE, settings.client_timeout))),
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.stop_timeout)),
        **options,
    )


def quiet_about_lost_clients(loop: asyncio.AbstractEventLoop) -> None:
    """Let a loop say once a minute, not a thousand times a second, that no more files can be opened."""
    last = 0.0

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _NO_FILES:
            if time.monotonic() - last >= _SECONDS_BETWEEN_LOGS or not last:
                last = time.monotonic()
                _logger.error("no more connections can be taken: %s; raise the limit (ulimit -n)", error.strerror)
            return
        loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


def _raised_file_limit() -> int:
    """Raise the number of files that may be open as far as is allowed, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _SPARE_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return wanted if soft == resource.RLIM_INFINITY else soft
