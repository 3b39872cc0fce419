"""A real server on loopback, on a free port, in a thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from truthmap.detector.detector import Detector
from truthmap.server.app import StartRunner, create_app
from truthmap.server.batcher import Batcher
from truthmap.server.protocol import server_config
from truthmap.server.serve_settings import ServeSettings


@contextmanager
def serving(detector: Detector, settings: ServeSettings | None = None, runner: StartRunner = Batcher) -> Iterator[str]:
    """Serve a detector while inside the `with`; gives the address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    settings = settings or ServeSettings()
    config = server_config(create_app(detector, settings, runner), settings, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def served() -> Callable[..., object]:
    return serving


@pytest.fixture(scope="module")
def address(tiny_detector: Detector) -> Iterator[str]:
    """Return the address of a server with the usual limits."""
    with serving(tiny_detector) as here:
        yield here
