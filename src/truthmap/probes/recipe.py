"""What a way of making probes has to do: the protocol that every recipe follows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch

from truthmap.arrays import Bools
from truthmap.probes.cell_scores import CellScores
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.linear import LinearProbe
from truthmap.shown import ShortRepr


@dataclass(frozen=True, repr=False)
class Targets(ShortRepr):
    """What probes are to predict: K labels of n answers.

    Attributes:
        y: bool (K, n).
        shuffled: bool (K, R, n), each label shuffled R times.
    """

    y: Bools
    shuffled: Bools

    def take(self, chosen: Bools) -> Targets:
        """Keep the chosen answers: bool (n,)."""
        return Targets(self.y[:, chosen], self.shuffled[:, :, chosen])


@dataclass(frozen=True)
class CellInput:
    """A cell to fit.

    Attributes:
        states: float (n, d); what is not `here` means nothing.
        here: bool (n,), which answers have a finite state.
    """

    states: torch.Tensor
    here: Bools


def fit_one_by_one(
    recipe: ProbeRecipe,
    cells: Sequence[CellInput],
    labels: LabelledAnswers,
    targets: Targets,
    settings: GridSettings,
) -> list[list[CellScores]]:
    """Fit cells one after the other by a recipe's `fit_cell`."""
    return [
        recipe.fit_cell(cell.states[cell.here], labels.take(cell.here), targets.take(cell.here), settings)
        for cell in cells
    ]


class ProbeRecipe(Protocol):
    """A way of making the probes of a grid."""

    def fitting(self) -> AbstractContextManager[None]:
        """Return what stands around all fits, whatever threads they run in."""
        ...

    def fit_cell(
        self, states: torch.Tensor, labels: LabelledAnswers, targets: Targets, settings: GridSettings
    ) -> list[CellScores]:
        """Fit the probes of one cell and score answers that they have not seen, for each of the K labels.

        Args:
            states: float (n, d), finite.
            labels: The n answers; its own `y` is not used.
            targets: What to predict.
            settings: Values of C and the like.
        """
        ...

    def fit_cells(
        self, cells: Sequence[CellInput], labels: LabelledAnswers, targets: Targets, settings: GridSettings
    ) -> list[list[CellScores]]:
        """Do what `fit_cell` does for several cells, at once where that is faster.

        Args:
            cells: The cells, for the same answers, of which each may lack some.
            labels: All these answers; their own `y` is not used.
            targets: What to predict, of all these answers.
            settings: Values of C and the like.
        """
        ...

    def learns_from(self, labels: LabelledAnswers, settings: GridSettings) -> Bools:
        """Say which answers of train + validation a cell's final probe is fitted to: bool (n,)."""
        ...

    def refit(self, states: torch.Tensor, y: Bools, c: float) -> LinearProbe:
        """Fit a cell's final probe: states float (n, d), y bool (n,), and the C that was chosen for the cell."""
        ...
