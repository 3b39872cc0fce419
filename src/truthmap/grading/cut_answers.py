"""Answers that the model closed itself and those that were cut off at the length limit, by outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.records import Answer, Grade, Outcome, RowKey


class CutAnswers(BaseModel):
    """How answers ended, by outcome.

    Attributes:
        closed, cut: Counts of rows, in the order right, wrong, unscored.
        auc: Of "it was closed" as a sign that an answer is right, among the scored rows: what a probe gains that sees
            no more than how an answer ended. `None` where all ended alike or came out alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    closed: dict[Outcome, int]
    cut: dict[Outcome, int]
    auc: Estimate | None

    @property
    def differ(self) -> bool:
        """Whether some answers were closed and others cut off."""
        return any(self.closed.values()) and any(self.cut.values())

    @property
    def told(self) -> str:
        """It in words."""
        counted = "; ".join(
            f"{name}: {counts[Outcome.RIGHT]:,} right, {counts[Outcome.WRONG]:,} wrong, "
            f"{counts[Outcome.UNSCORED]:,} unscored"
            for name, counts in (("closed", self.closed), ("cut off", self.cut))
        )
        return counted if self.auc is None else f"{counted}; being closed alone has AUC {self.auc.short}"


def count_cut(rows: Sequence[tuple[Answer, Grade]], group: Mapping[RowKey, str]) -> CutAnswers:
    """Count rows by how their answers ended; answers without any token count as cut off.

    Args:
        rows: Answers with their grades, scored or not.
        group: What each scored row belongs to, the unit of the interval.
    """
    counts = {closed: Counter(g.outcome for a, g in rows if a.finished is closed) for closed in (True, False)}
    scored = [(answer, grade) for answer, grade in rows if grade.outcome is not Outcome.UNSCORED]
    closed = np.array([answer.finished for answer, _ in scored], dtype=np.float64)
    right = np.array([grade.outcome is Outcome.RIGHT for _, grade in scored], dtype=bool)
    varies = len(scored) > 0 and 0 < closed.mean() < 1 and 0 < right.mean() < 1
    return CutAnswers(
        closed={outcome: counts[True][outcome] for outcome in Outcome},
        cut={outcome: counts[False][outcome] for outcome in Outcome},
        auc=auc_estimate(closed, right, [group[grade.key] for _, grade in scored]) if varies else None,
    )
