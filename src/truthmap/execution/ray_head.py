"""Whether the head of a Ray cluster is still there: without it Ray waits, and then ends the process in its own way."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from truthmap.errors import PartialError

_EVERY = 2.0
"""Seconds between two looks."""
PATIENCE = 15.0
"""Seconds that a head may be away, as while it is started again; Ray itself ends the process after a minute."""


class HeadWatch:
    """Looks for the head of a cluster now and then.

    Args:
        address: Where it listens, as `host:port`.
        clock: Tells the time, in seconds.
    """

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        host, _, port = address.rpartition(":")
        self.address, self.gone = address, False
        self._where = (host.strip("[]"), int(port))
        self._clock = clock
        self._seen = self._looked = clock()

    def check(self) -> None:
        """Look, if it is time to.

        Raises:
            PartialError: the head has been away for longer than it may.
        """
        now = self._clock()
        if now - self._looked < _EVERY:
            return
        self._looked = now
        try:
            socket.create_connection(self._where, timeout=_EVERY).close()
        except OSError as error:
            if now - self._seen > PATIENCE:
                self.gone = True
                raise PartialError(
                    f"the head of the Ray cluster at {self.address} is gone ({error.strerror or error}); what was "
                    "finished is kept: start the cluster again, and then the same command"
                ) from error
        else:
            self._seen = now
