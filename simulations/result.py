"""What a simulation found, and whether that is what truthmap says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class Wanted(Enum):
    """What a rate is held to."""

    COVERAGE = "95 % or more"
    """An interval: it holds the truth so often; more often is allowed, where few groups say little."""
    LEVEL = "5 % or less"
    """A test, or a guarantee with 95 % confidence: it is wrong so often at most."""
    TAIL = "2.5 % or less"
    """One side of a 95 % interval."""
    RATE = "1 % on average"
    """A rate of false alarms."""

    @property
    def bound(self) -> float:
        """The number."""
        return {"COVERAGE": 0.95, "LEVEL": 0.05, "TAIL": 0.025, "RATE": 0.01}[self.name]


@dataclass(frozen=True)
class Result:
    """How often something happened.

    Attributes:
        what: The interval, test or guarantee.
        setting: The data.
        wanted: What the rate is held to.
        rate: How often it happened.
        draws: In how many draws.
        error: The standard error of the rate.
    """

    what: str
    setting: str
    wanted: Wanted
    rate: float
    draws: int
    error: float

    @classmethod
    def of(cls, what: str, setting: str, wanted: Wanted, happened: list[bool] | list[float]) -> Result:
        """Count what happened in each draw."""
        values = np.array(happened, dtype=np.float64)
        error = max(float(values.std()), float(np.sqrt(wanted.bound * (1 - wanted.bound)) / 4)) / np.sqrt(len(values))
        return cls(what, setting, wanted, float(values.mean()), len(values), float(error))

    def holds(self, room: float = 0.02) -> bool:
        """Say whether the rate is what is wanted, but for luck (three standard errors) and a little room.

        Args:
            room: How far the true rate may be off: no interval of so few answers is exact.
        """
        slack = room + 3 * self.error
        if self.wanted is Wanted.COVERAGE:
            return self.rate >= self.wanted.bound - slack
        return self.rate <= self.wanted.bound + slack

    @property
    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.what} | {self.setting} | {self.wanted.value} | {self.rate:.1%} ± {1.96 * self.error:.1%} "
            f"| {self.draws:,} |"
        )
