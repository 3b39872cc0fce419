"""Ways to tell right from wrong answers, set side by side on the same answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.arrays import Floats, Ints
from truthmap.metrics.auc import round_scores
from truthmap.metrics.auc_interval import auc_many
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.paired_auc import auc_differences
from truthmap.metrics.selective import error_precision_many, risk_area, risk_curve
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import RowKey
from truthmap.shown import ShortRepr

CURVE_POINTS = 100
"""Coverages 1 %, 2 %, … 100 % at which the risk is kept."""


class Family(StrEnum):
    """What a confidence is made from."""

    PROBE = "probe"
    LOG_PROB = "log-probability"
    ENTROPY = "token entropy"
    ASKING = "asking the model"
    SAMPLES = "samples"


@dataclass(frozen=True, repr=False)
class Confidence(ShortRepr):
    """A confidence for each answer, higher means surer that it is right.

    Attributes:
        name: What it is called.
        family: What it is made from.
        scores: By question id; an answer that has none of its own may be absent.
        passes: Forward passes it costs per answer, beyond those that generated the answer; the mean over the answers.
        stand_in: The scores of another confidence or a constant that stand in where an answer has none.
    """

    name: str
    family: Family
    scores: Mapping[RowKey, float]
    passes: float
    stand_in: float | Mapping[RowKey, float] = 0.0

    def of(self, row: RowKey) -> float:
        """Return an answer's score, or what stands in for it."""
        if row in self.scores:
            return self.scores[row]
        return self.stand_in if isinstance(self.stand_in, float) else self.stand_in[row]


class Method(ShortRepr, BaseModel):
    """How well one confidence does.

    Attributes:
        name, family: What it is.
        auc: Area under the ROC curve, with its interval by question.
        difference: Its AUC minus the reference's, on the same answers, with the paired interval by question.
        p_value: Of that difference being zero, two-sided, not corrected for the number of methods; `None`: the answers
            are too few for a test.
        error_precision: Average precision of finding the wrong answers; bootstrap interval.
        risk_area: Area under the risk-coverage curve, less is better; bootstrap interval.
        risk: Share of wrong ones among the surest 1 %, 2 %, … 100 % of the answers.
        passes: Forward passes per answer beyond those that generated it.
        stood_in: Answers that had no score of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    family: Family
    auc: Estimate
    difference: Estimate
    p_value: float | None
    error_precision: Estimate
    risk_area: Estimate
    risk: tuple[float, ...]
    passes: float
    stood_in: int


class Comparison(AnalysisResult, BaseModel):
    """All confidences on the same test answers.

    Attributes:
        model, questions: The run's.
        reference: Name of the method that all are compared with.
        right, wrong: Test answers that all methods were scored on.
        left_out: Scored test answers that lack a position that a probe reads.
        samples: Samples per question that the sampling methods had; 0: there were none.
        equivalence: How it was decided which samples say the same.
        methods: In the order of the table.
        notes: What could not be measured, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    questions: str
    reference: str
    right: int
    wrong: int
    left_out: int
    samples: int
    equivalence: str
    methods: tuple[Method, ...]
    notes: tuple[str, ...]

    def method(self, name: str) -> Method:
        """Return a method by its name.

        Raises:
            KeyError: there is none.
        """
        for method in self.methods:
            if method.name == name:
                return method
        raise KeyError(name)


def measure_methods(confidences: Sequence[Confidence], labels: LabelledAnswers, reference: str) -> tuple[Method, ...]:
    """Measure confidences on the answers of `labels`, and each against the one named `reference`.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    scores = round_scores(np.array([[c.of(i) for i in labels.ids] for c in confidences], dtype=np.float64))
    y = labels.y
    auc = auc_many(scores, y, labels.group)
    paired = auc_differences(scores, y, [c.name for c in confidences].index(reference), labels.group)

    def measures(rows: Ints) -> Floats:
        again, right = scores[:, rows], y[rows]
        return np.concatenate([error_precision_many(again, right), [risk_area(row, right) for row in again]])

    spread = bootstrap(measures, labels.group, "compare")
    return tuple(
        Method(
            name=confidence.name,
            family=confidence.family,
            auc=auc.estimate(n),
            difference=paired.estimate(n),
            p_value=paired.p_of(n),
            error_precision=spread[n],
            risk_area=spread[len(confidences) + n],
            risk=tuple(_at_percents(risk_curve(scores[n], y))),
            passes=confidence.passes,
            stood_in=sum(i not in confidence.scores for i in labels.ids),
        )
        for n, confidence in enumerate(confidences)
    )


def _at_percents(risk: Floats) -> list[float]:
    """Read a curve of n points off at 1 %, 2 %, … of n."""
    places = np.ceil(np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS * len(risk) - 1e-9).astype(int) - 1
    return [float(r) for r in risk[np.maximum(places, 0)]]
