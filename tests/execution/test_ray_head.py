"""A cluster whose head is gone is told of in one line, before Ray ends the process in its own way."""

from __future__ import annotations

import socket

import pytest

from truthmap.errors import PartialError
from truthmap.execution.ray_head import PATIENCE, HeadWatch


def test_a_head_may_be_away_for_a_while_and_no_longer() -> None:
    now = [0.0]
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    watch = HeadWatch(f"127.0.0.1:{address[1]}", lambda: now[0])
    now[0] = 100.0
    watch.check()
    listening.close()
    now[0] += PATIENCE
    watch.check()
    with socket.create_server(address):
        now[0] += PATIENCE
        watch.check()
    now[0] += PATIENCE
    watch.check()
    assert not watch.gone
    now[0] += PATIENCE
    with pytest.raises(PartialError, match=r"head of the Ray cluster at 127.0.0.1:\d+ is gone .* the same command"):
        watch.check()
    assert watch.gone
