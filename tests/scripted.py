"""An HTTP server on the loopback address that answers as a test's script says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Scripted:
    """A reply: its status, its body (bytes as they are, else as JSON), and headers besides the usual ones.

    A body of several pieces trickles: a tenth of a second lies before each.
    """

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[str, Any], Scripted]
"""Gives the reply to a path and the JSON that was sent there."""


class Server(ThreadingHTTPServer):
    """Notes what it was sent."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.sent: list[Any] = []
        self.keys: list[str | None] = []
        self.at_once, self.most_at_once = 0, 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server
    disable_nagle_algorithm = True  # an answer in two writes would wait for the client's word
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.sent.append(content)
            self.server.keys.append(self.headers.get("Authorization"))
        self._reply(content)

    def do_GET(self) -> None:
        self._reply(None)

    def _reply(self, content: Any) -> None:
        with self.server.lock:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.at_once, self.server.most_at_once)
        reply = self.server.script(self.path, content)
        with self.server.lock:
            self.server.at_once -= 1
        pieces = reply.body if isinstance(reply.body, tuple) else (encoded(reply.body),)
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(sum(map(len, pieces))), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in pieces:
                time.sleep(0.1 if len(pieces) > 1 else 0)
                self.wfile.write(piece)
        except OSError:
            self.close_connection = True

    def log_message(self, *words: Any) -> None:
        pass


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


@contextmanager
def scripted(script: Script) -> Iterator[Server]:
    """Serve while inside the `with`."""
    with Server(script) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
