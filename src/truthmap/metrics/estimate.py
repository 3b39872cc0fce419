"""A number with its interval, and resampling that keeps together what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.arrays import Floats, Ints
from truthmap.seeding import seed_from

RESAMPLES = 1000
"""Bootstrap resamples: the ends of a 95 % interval then rest on 25 resamples each."""


class Estimate(BaseModel):
    """A number with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def signed(self) -> str:
        """The text of a difference: with signs."""
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"

    @property
    def short(self) -> str:
        """The text with two decimals, for wide tables."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    @property
    def short_signed(self) -> str:
        """The text of a difference with two decimals."""
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def bootstrapped(
    measure: Callable[[Ints], Floats], groups: Sequence[str], label: str, resamples: int | None = None
) -> list[Estimate]:
    """Return measures of n answers with percentile intervals, by resampling whole groups.

    Args:
        measure: From the indices of the answers in a resample (an answer may come several times) to float (m,): m
            measures of it. A resample in which a measure is NaN does not count for that measure.
        groups: What belongs together, n names: groups are drawn, not answers.
        label: Names the analysis; the draws depend on it alone.
        resamples: How many resamples; by default `RESAMPLES`.

    The bootstrap for clustered data: Field and Welsh, Journal of the Royal Statistical Society B 2007.
    """
    members: dict[str, list[int]] = {}
    for n, group in enumerate(groups):
        members.setdefault(group, []).append(n)
    blocks = [np.array(rows, dtype=np.int64) for rows in members.values()]
    generator = np.random.default_rng(seed_from("bootstrap", label))
    whole = measure(np.arange(len(groups), dtype=np.int64))
    drawn = np.stack(
        [
            measure(np.concatenate([blocks[b] for b in generator.integers(len(blocks), size=len(blocks))]))
            for _ in range(resamples or RESAMPLES)
        ]
    )
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    return [Estimate(value=float(v), low=float(lo), high=float(hi)) for v, lo, hi in zip(whole, low, high, strict=True)]
