"""The record of what the best cell tells among answers that say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.arrays import Bools
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.within_group_auc import within_auc, within_auc_many


class WithinAnswer(BaseModel):
    """How well right and wrong answers of the test part that have the same exact answer are told apart.

    Who knows no more than which answers tend to be right gets 0.5 here.

    Attributes:
        probe: The best cell's AUC over all such pairs, n of them, with its interval by question.
        probe_mean: The mean of its AUCs over the exact answers, each counting alike: few of them make most pairs.
        text: The best text baseline's AUC over the same pairs; `None` where it was not measured.
        text_mean: The mean of its AUCs over the exact answers.
        exact_answers: How many exact answers have pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probe: Estimate
    probe_mean: float
    text: Estimate | None
    text_mean: float | None
    exact_answers: int


def measure_within(
    said: Sequence[str], y: Bools, group: Sequence[str], probe: Sequence[float], text: Sequence[float] | None
) -> WithinAnswer | None:
    """Measure scores of n test answers among those that say the same.

    Args:
        said: The exact answer of each, in one spelling; empty: it has none.
        y: bool (n,), whether each is right.
        group: What belongs together.
        probe: The probe's scores.
        text: The text baseline's, where there are any.

    Returns:
        What was found, or `None` where fewer than two groups of either outcome have such pairs.
    """
    estimate = within_auc(np.array(probe), y, said, group)
    if estimate is None:
        return None
    scores = [np.array(probe), *([] if text is None else [np.array(text)])]
    found = within_auc_many(np.stack(scores), y, said)
    return WithinAnswer(
        probe=estimate,
        probe_mean=float(found.mean[0]),
        text=None if text is None else within_auc(scores[1], y, said, group),
        text_mean=None if text is None else float(found.mean[1]),
        exact_answers=found.texts,
    )
