"""What the best cell tells among answers that say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truthmap.arrays import Bools
from truthmap.metrics.within_answer_record import WithinAnswer
from truthmap.metrics.within_group_auc import within_auc, within_auc_many


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
