"""The record of what the best cell is held against."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position


class Rival(BaseModel):
    """Another way to tell right answers from wrong ones, beside the best cell.

    Attributes:
        name: What it is.
        validation: Its AUC on train + validation, where it was chosen among its like.
        test: Its AUC on the test answers that it shares with the best cell.
        gain: The best cell's AUC on these answers minus this one's, with the paired 95 % interval.
        cell: Layer and position, where it is another cell of the map.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    validation: Estimate
    test: Estimate
    gain: Estimate
    cell: tuple[int, Position] | None = None

    @property
    def verdict(self) -> str:
        """What the paired difference shows of the best cell: that it reads more, less, or neither."""
        if self.gain.low > 0:
            return "more"
        return "less" if self.gain.high < 0 else "unclear"
