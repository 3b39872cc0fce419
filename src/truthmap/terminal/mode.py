"""How a command speaks: as text or as JSON, with news on the way or without, in colour or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class OutputMode:
    """How a command speaks.

    Attributes:
        as_json: Standard output gets its result as one JSON document, and nothing else.
        quiet: Standard error gets faults, and nothing else.
        color: Colours and bold letters are allowed, where there is a terminal to show them.
    """

    as_json: bool = False
    quiet: bool = False
    color: bool = True


class _Current:
    """The mode of this process, whose terminal is one as well: threads of a command speak as the command does."""

    def __init__(self) -> None:
        self.mode = OutputMode()


_current = _Current()


def output_mode() -> OutputMode:
    """Return how the command that is running speaks; `NO_COLOR` in the environment takes its colours."""
    mode = _current.mode
    if mode.color and os.environ.get("NO_COLOR"):
        return OutputMode(mode.as_json, mode.quiet, color=False)
    return mode


@contextmanager
def speaking(mode: OutputMode) -> Iterator[None]:
    """Let a command speak so."""
    before, _current.mode = _current.mode, mode
    try:
        yield
    finally:
        _current.mode = before
