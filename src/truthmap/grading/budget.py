"""How long one answer may take to grade."""

from __future__ import annotations

import time
from dataclasses import dataclass

SECONDS = 5.0
"""Seconds that grading one answer may take; a usual one takes less than a hundredth of one."""
TOOK_TOO_LONG = "took_too_long"
"""Why an answer is unscored whose grading took longer."""
LONGEST = 20_000
"""Characters of an answer that are read; what stands behind them counts as cut off."""


class TookTooLongError(Exception):
    """Grading an answer takes longer than it may; caught where answers are graded."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The time until which an answer may be graded, on the monotonic clock, in seconds."""

    until: float

    @classmethod
    def start(cls, seconds: float = SECONDS) -> Budget:
        """Return the budget of an answer whose grading begins now."""
        return cls(time.monotonic() + seconds)

    def check(self) -> None:
        """Return if there is time left.

        Raises:
            TookTooLongError: there is none.
        """
        if time.monotonic() > self.until:
            raise TookTooLongError
