"""Answers that the model closed itself and those that were cut off at the length limit, by outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from truthmap.grading.column_contents import CutAnswers
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.records import Answer, Grade, Outcome, RowKey


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
