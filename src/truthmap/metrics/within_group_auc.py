"""AUC within one answer: what a probe knows beyond which answers tend to be right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from truthmap.arrays import Bools, Floats


@dataclass(frozen=True)
class WithinAuc:
    """How often the right one of two answers that say the same is scored higher.

    Attributes:
        auc: float64 (m,), for each row of scores; NaN where there are no pairs.
        pairs: Pairs of a right and a wrong answer that say the same.
    """

    auc: Floats
    pairs: int


def within_auc_many(scores: Floats, y: Bools, meaning: Sequence[str]) -> WithinAuc:
    """Return the AUC over pairs with the same meaning, for every row of scores (m, n).

    All pairs of all meanings count alike, ties one half; answers without a meaning (an empty string) are left out.
    "Some answers are right more often" cannot raise this AUC above 0.5: both answers of a pair say the same.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(meaning):
        if text:
            members[text].append(row)
    wins, pairs = np.zeros(len(scores)), 0
    for rows in members.values():
        right = y[rows]
        n_right, n_wrong = int(right.sum()), int((~right).sum())
        if n_right and n_wrong:
            ranks = rankdata(scores[:, rows], axis=1)[:, right]
            wins += ranks.sum(axis=1) - n_right * (n_right + 1) / 2
            pairs += n_right * n_wrong
    return WithinAuc(wins / pairs if pairs else np.full(len(scores), np.nan), pairs)
