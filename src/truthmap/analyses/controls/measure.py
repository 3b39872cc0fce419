"""What the controls of a run found: a row each, with its numbers, its verdict and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.arrays import Bools, Floats
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.paired_auc import auc_gain
from truthmap.positions import Position
from truthmap.records import Site
from truthmap.shown import ShortRepr

CHANCE = 0.5
FEWEST = 10
"""Groups of right and of wrong answers below which a control says nothing."""
AUC = "AUC"


class ControlVerdict(StrEnum):
    """What a control says of the AUC."""

    HOLDS = "holds"
    """The AUC is not shown to shrink under it."""
    PART = "part left"
    """It shrinks, and what is left is above zero."""
    NOTHING = "none shown"
    """What is left may be zero, and is less than half for sure."""
    APART = "another question"
    """It asks something else than how much of the AUC is left: whether what is read is used, for one."""
    UNCLEAR = "too few"
    """The answers are too few: what is left may be nothing or most of it, or the probe itself is not above chance."""
    NOT_RUN = "not run"
    """It was not measured; the sentence says why."""


class ControlReading(BaseModel):
    """One number of a control.

    Attributes:
        name: What was measured.
        value: The number.
        of: What kind of number it is: an AUC, a share, …
        probe: The AUC of the run's own probe on the same rows, where there is one to compare with.
        left: What is left of that probe's AUC above chance: its lead over another reader of the same rows (paired), or
            the AUC above chance that remains under the control.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    value: Estimate
    of: str = AUC
    probe: Estimate | None = None
    left: Estimate | None = None

    @property
    def share_left(self) -> float | None:
        """The share that is left of the probe's AUC above chance; `None` where that is not measured or not above it."""
        if self.left is None or self.probe is None or self.probe.value <= CHANCE:
            return None
        return self.left.value / (self.probe.value - CHANCE)


class ControlPoint(BaseModel):
    """One point of a control's curve: what was reached where."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    at: float
    value: Estimate


class ControlCurve(ShortRepr, BaseModel):
    """What is reached as something changes step by step.

    Attributes:
        name: What changes.
        along: What the horizontal axis shows.
        of: What the vertical axis shows.
        logarithmic: Whether the steps are ratios, so that the horizontal axis is drawn in these.
        points: In the order of `at`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    along: str
    of: str = AUC
    logarithmic: bool = False
    points: tuple[ControlPoint, ...]


class ControlFinding(ShortRepr, BaseModel):
    """What one control found.

    Attributes:
        name: Its name on the command line.
        after: The paper that it comes from.
        verdict: What it says of the AUC.
        says: The same in one sentence, with its numbers; of one that was not run, why.
        readings: Its numbers, the one that counts first.
        curves: Its curves.
        facts: What a reader must know to repeat it, such as the name of a model that it read with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    after: str
    verdict: ControlVerdict
    says: str
    readings: tuple[ControlReading, ...] = ()
    curves: tuple[ControlCurve, ...] = ()
    facts: dict[str, str] = {}

    @property
    def is_measured(self) -> bool:
        """Whether it was run; where it was not, the sentence says what is lacking."""
        return self.verdict is not ControlVerdict.NOT_RUN

    @property
    def headline(self) -> ControlReading | None:
        """The number that counts; `None` where nothing was measured."""
        return self.readings[0] if self.readings else None

    @property
    def share_left(self) -> float | None:
        """The share that is left of the probe's AUC above chance; `None` where that cannot be said."""
        head = self.headline
        return None if head is None or self.verdict in _SAYS_NOTHING else head.share_left


_SAYS_NOTHING = (ControlVerdict.APART, ControlVerdict.UNCLEAR, ControlVerdict.NOT_RUN)


class Controls(AnalysisResult, BaseModel):
    """The controls of a run.

    Attributes:
        model, questions: The run's.
        site, layer, position: The cell whose probe is controlled: the run's best one.
        auc: Its AUC on the test part.
        findings: A row for each control, in the registry's order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    questions: str
    site: Site
    layer: int
    position: Position
    auc: Estimate
    findings: tuple[ControlFinding, ...]

    def finding(self, name: str) -> ControlFinding:
        """Return a control's finding by its name.

        Raises:
            KeyError: there is none.
        """
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)

    @property
    def worst(self) -> ControlFinding | None:
        """The control that leaves the smallest share of the AUC above chance; `None` where none can say."""
        known = [finding for finding in self.findings if finding.share_left is not None]
        return min(known, key=lambda finding: finding.share_left or 0.0, default=None)


def against(name: str, scores: Floats, probe: Floats, y: Bools, group: Sequence[str]) -> ControlReading:
    """Hold the probe's scores (n,) against another reader's scores (n,) of the same rows.

    What is left is the probe's lead: the paired difference of the AUCs, with its interval by group.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    return ControlReading(
        name=name,
        value=auc_estimate(scores, y, group),
        probe=auc_estimate(probe, y, group),
        left=auc_gain(probe, scores, y, group),
    )


def remaining(name: str, value: Estimate, probe: Estimate, of: str = AUC) -> ControlReading:
    """Return an AUC that remains under a control, of a probe that has another without it; what is left is above ½."""
    return ControlReading(name=name, value=value, of=of, probe=probe, left=above_chance(value))


def above_chance(value: Estimate) -> Estimate:
    """Return how much an AUC lies above chance."""
    ends = (value.value, value.low, value.high)
    middle, low, high = (end - CHANCE for end in ends)
    return Estimate(value=middle, low=low, high=high, n=value.n)


def verdict_on(reading: ControlReading) -> ControlVerdict:
    """Return what a reading says of the AUC, by the interval of what is left.

    Where the probe itself is not shown to be above chance on these rows, there is nothing that could be left.
    """
    if reading.left is None or reading.probe is None or reading.probe.low <= CHANCE:
        return ControlVerdict.UNCLEAR
    left, whole = reading.left, reading.probe.value - CHANCE
    if left.low <= 0:
        return ControlVerdict.NOTHING if left.high < whole / 2 else ControlVerdict.UNCLEAR
    return ControlVerdict.PART if left.high < whole else ControlVerdict.HOLDS


def has_enough(y: Bools, group: Sequence[str]) -> bool:
    """Tell whether both outcomes come in enough groups for a control to say something: y bool (n,)."""
    names = np.array(group, dtype=object)
    return min(len(set(names[y])), len(set(names[~y]))) >= FEWEST


def amount(share: float) -> str:
    """Say how much a share is.

    >>> amount(0.97), amount(0.7), amount(0.5), amount(0.2), amount(0.05)
    ('nearly all', 'most', 'about half', 'part', 'little')
    """
    steps = ((0.95, "nearly all"), (0.65, "most"), (0.4, "about half"), (0.15, "part"))
    return next((word for least, word in steps if share >= least), "little")
