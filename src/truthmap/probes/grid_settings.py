"""How the grid is fitted."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.errors import UsageError
from truthmap.probes.protocols import ProbeProtocol, protocol_named


@dataclass(frozen=True)
class GridSettings:
    """How the grid is fitted.

    Attributes:
        cs: Values of C to choose from, by cross-validation, in each cell.
        confidence: Coverage of the intervals.
        fewest: Answers of each outcome that a cell needs in train + validation; below, it has no probe.
        protocol: How the probes are made, one of `ProbeProtocol`; `paper`: as "LLMs Know More Than They Show" does.
        n_permutations: Shuffles of the labels for the null of the whole map; 0: no p-values.
        seed: Where the shuffles and the subsets of the sample-size curve start.
        device: Where the solver works; states are moved there cell by cell.
        together: Cells that are fitted at once; by default one on a CPU, elsewhere as many as memory holds.
    """

    cs: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    confidence: float = 0.95
    fewest: int = 10
    protocol: str = ProbeProtocol.TRUTHMAP
    n_permutations: int = 100
    seed: int = 0
    device: str = "cpu"
    together: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "protocol", protocol_named(self.protocol))
        if not self.cs or any(not c > 0 for c in self.cs):
            raise UsageError(f"cs must be positive numbers, got {self.cs}")
        if not 0 < self.confidence < 1:
            raise UsageError(f"confidence must lie between 0 and 1, got {self.confidence}")
        if self.n_permutations < 0:
            raise UsageError(f"n_permutations must be 0 or more, got {self.n_permutations}")
        if self.together is not None and self.together < 1:
            raise UsageError(f"together must be 1 or more, got {self.together}")
