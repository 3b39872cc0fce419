"""Ctrl-C and SIGTERM: the first one lets the shard under way be finished and kept, the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Somebody asked to stop, and what was under way is finished and kept.

    It is a `KeyboardInterrupt`, not an `Exception`, so that no `except Exception` on the way takes it for a fault.

    Attributes:
        signal: The number of the signal that asked.
    """

    def __init__(self, number: int) -> None:
        super().__init__("stopped; start the same command again to go on where it stopped")
        self.signal = number


class Stop:
    """A wish to stop, and where it is granted."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def check(self) -> None:
        """Stop here, if somebody asked to.

        Raises:
            Stopped: somebody did.
        """
        if self.signal is not None:
            raise Stopped(self.signal)

    @contextmanager
    def listening(self, say: Callable[[str], None]) -> Iterator[None]:
        """Take Ctrl-C and SIGTERM as a wish; outside the main thread, where signals cannot be taken, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signature is Python's)
            if self.signal is not None:
                raise Stopped(number)
            self.signal = number
            say("stopping when the answers under way are done; once more to stop at once")

        before = {number: signal.signal(number, ask) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
