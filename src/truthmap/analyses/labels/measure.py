"""Where other labels than right and wrong can be read, and how well."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position
from truthmap.records import Site

AUC, SPEARMAN = "AUC", "Spearman correlation"


class LabelKind(StrEnum):
    """What labels are."""

    AUTO = "auto"
    """Numbers, where all of them are numbers and there are more than two different ones; else classes."""
    CLASSES = "classes"
    """Each is told from all the rest."""
    NUMBERS = "numbers"
    """They have an order, and are predicted."""


class LabelScore(BaseModel):
    """How well one label can be read, against all others.

    Attributes:
        label: The label.
        against: Of two labels the other one; `None` where there are more: then it is told from all the rest.
        n: Labelled answers that have it, the test part included.
        layer, position: Its best cell, chosen on train + validation.
        validation: The cross-validated AUC there; of numbers the rank correlation.
        p_value: Corrected for looking at the whole map; `None`: no shuffles were made.
        p_corrected: That, corrected for looking at several labels too (Holm).
        test: The same on the test part; `None` where the test part lacks the label, or has nothing else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    against: str | None = None
    n: int
    layer: int
    position: Position
    validation: Estimate
    p_value: float | None
    p_corrected: float | None = None
    test: Estimate | None

    @property
    def told(self) -> str:
        """What is told from what."""
        return self.label if self.against is None else f"{self.label} (against {self.against})"


class LabelMaps(AnalysisResult, BaseModel):
    """The maps of a column of labels.

    Attributes:
        column: What the labels are.
        site: What was read.
        labelled: Scored answers that have a label.
        unlabelled: Scored answers without one: not used.
        unknown: Labels for questions that the run does not have, or whose answers were not scored.
        scores: One for each label; of two labels, the second alone in ascending order.
        too_few: Labels that have too few answers for a map, with their counts.
        measure: What the scores are: an AUC, or of numbers Spearman's rank correlation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    site: Site
    labelled: int
    unlabelled: int
    unknown: int
    scores: tuple[LabelScore, ...]
    too_few: dict[str, int]
    measure: str = AUC
