"""What the table needs of a control: its name, its paper, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlCurve, ControlFinding, ControlReading, ControlVerdict


@dataclass(frozen=True)
class Control:
    """One control: a row of the table.

    Attributes:
        name: Its name on the command line.
        after: The paper that it comes from: title and arXiv id.
        measure: Measures it. What it raises as `NotEnoughDataError` says why the answers are too few; a `ModelError` or
            `RunFolderError` why it was not run.
    """

    name: str
    after: str
    measure: Callable[[ControlContext], ControlResult]


@dataclass(frozen=True)
class ControlResult:
    """What a control's own file has to give; the table adds its name and its paper.

    Attributes:
        verdict: What it says of the AUC.
        says: One sentence with its numbers.
        readings: Its numbers, the one that counts first.
        curves: Its curves.
        facts: What a reader must know to repeat it.
    """

    verdict: ControlVerdict
    says: str
    readings: tuple[ControlReading, ...] = ()
    curves: tuple[ControlCurve, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    def of(self, control: Control) -> ControlFinding:
        """Return the finding, with what the table knows of the control."""
        return ControlFinding(
            name=control.name,
            after=control.after,
            verdict=self.verdict,
            says=self.says,
            readings=self.readings,
            curves=self.curves,
            facts=dict(self.facts),
        )


def not_run(why: str) -> ControlResult:
    """Return what a control says that lacks something besides the run: why, and what to do."""
    return ControlResult(ControlVerdict.NOT_RUN, why)


def unclear(why: str) -> ControlResult:
    """Return what a control says that has too few answers."""
    return ControlResult(ControlVerdict.UNCLEAR, why)
