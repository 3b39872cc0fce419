"""What the best cell is held against: chosen on train + validation as it was, scored on the very same test answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.paired_auc import auc_gain
from truthmap.metrics.rival import Rival
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.test_part import TestScore
from truthmap.records import RowKey
from truthmap.shown import ShortRepr


@dataclass(frozen=True, repr=False)
class Contest(ShortRepr):
    """What a rival is measured on.

    Attributes:
        labels: All scored answers.
        probe: The best cell on the test part.
        seen: The rows of train + validation that chose the best cell.
    """

    labels: LabelledAnswers
    probe: TestScore
    seen: tuple[RowKey, ...]

    def rival(self, name: str, seen: Mapping[RowKey, float], test: Mapping[RowKey, float]) -> Rival | None:
        """Hold the best cell against scores by row, higher means right.

        Args:
            name: What the rival is.
            seen: Its scores of train + validation, by models that had not seen them.
            test: Its scores of the test part.

        Returns:
            The rival, or `None` where it has no scores, or where the shared answers are all right or all wrong.
        """
        shared = [i for i in self.probe.scores if np.isfinite(test.get(i, np.nan))]
        chosen_on = [i for i in self.seen if np.isfinite(seen.get(i, np.nan))]
        y, y_seen = self._right(shared), self._right(chosen_on)
        if not _both(y) or not _both(y_seen):
            return None
        own, probes = _values(test, shared), _values(self.probe.scores, shared)
        return Rival(
            name=name,
            validation=auc_estimate(_values(seen, chosen_on), y_seen, self._groups(chosen_on)),
            test=auc_estimate(own, y, self._groups(shared)),
            gain=auc_gain(probes, own, y, self._groups(shared)),
        )

    def best_of(self, scores: Mapping[str, Mapping[RowKey, float]]) -> str | None:
        """Return which scores have the highest AUC on train + validation, the first of equals; `None`: none is whole.

        Args:
            scores: By name, of every row; a score that lacks one of the rows that chose the best cell is no candidate.
        """
        y = self._right(self.seen)
        found = {name: _values(each, self.seen) for name, each in scores.items() if set(self.seen) <= each.keys()}
        whole = {name: values for name, values in found.items() if np.isfinite(values).all()}
        if not whole or not _both(y):
            return None
        aucs = auc_values(round_scores(np.stack(list(whole.values()))), y)
        return list(whole)[int(np.argmax(aucs))]

    def _groups(self, ids: Sequence[RowKey]) -> list[str]:
        group = dict(zip(self.labels.ids, self.labels.group, strict=True))
        return [group[i] for i in ids]

    def _right(self, ids: Sequence[RowKey]) -> Bools:
        right = dict(zip(self.labels.ids, self.labels.y.tolist(), strict=True))
        return np.array([right[i] for i in ids], dtype=bool)


def _both(y: Bools) -> bool:
    return bool(y.any() and not y.all())


def _values(scores: Mapping[RowKey, float], ids: Sequence[RowKey]) -> Floats:
    return np.array([scores[i] for i in ids], dtype=np.float64)
