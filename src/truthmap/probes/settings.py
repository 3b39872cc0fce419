"""How the grid is fitted."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.errors import UsageError


@dataclass(frozen=True)
class GridSettings:
    """How the grid is fitted.

    Attributes:
        cs: Values of C to choose from, by cross-validation, in each cell.
        confidence: Coverage of the intervals.
        fewest: Answers of each outcome that a cell needs in train + validation; below, it has no probe.
    """

    cs: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    confidence: float = 0.95
    fewest: int = 10

    def __post_init__(self) -> None:
        if not self.cs or any(not c > 0 for c in self.cs):
            raise UsageError(f"cs must be positive numbers, got {self.cs}")
        if not 0 < self.confidence < 1:
            raise UsageError(f"confidence must lie between 0 and 1, got {self.confidence}")
