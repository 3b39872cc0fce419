"""What the probes are to predict, and how the answers are split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Ints
from truthmap.questions.groups import group_questions
from truthmap.records import Grade, Outcome, Question, RowKey, Split, SplitAssignment
from truthmap.shown import ShortRepr

FEWEST = 2
"""Answers of each outcome that every fold and the test part need: with fewer, an AUC there means nothing."""


@dataclass(frozen=True, repr=False)
class LabelledAnswers(ShortRepr):
    """Labels of n scored rows: answers, each as often as it has claims.

    Attributes:
        ids: The rows' keys.
        y: bool (n,), whether the answer is right.
        split: Where each row's question stands: train, validation or test.
        fold: int64 (n,), cross-validation fold, -1 in the test part.
        group: What belongs together: the unit that is resampled.
        canonical: The exact answer in one spelling.
    """

    ids: tuple[RowKey, ...]
    y: Bools
    split: tuple[Split, ...]
    fold: Ints
    group: tuple[str, ...]
    canonical: tuple[str, ...]

    def of(self, test: bool) -> LabelledAnswers:
        """Keep the answers of the test part, or those of all others."""
        return self.take(np.array([(split is Split.TEST) == test for split in self.split], dtype=bool))

    def take(self, chosen: Bools) -> LabelledAnswers:
        """Keep the chosen answers: bool (n,)."""
        rows = np.flatnonzero(chosen).tolist()
        return LabelledAnswers(
            tuple(self.ids[n] for n in rows),
            self.y[rows],
            tuple(self.split[n] for n in rows),
            self.fold[rows],
            tuple(self.group[n] for n in rows),
            tuple(self.canonical[n] for n in rows),
        )


def label_answers(
    questions: Sequence[Question], grades: Sequence[Grade], splits: Sequence[SplitAssignment]
) -> LabelledAnswers:
    """Make a row of each grade, with its question's split, fold and group; what could not be scored is left out.

    Folds in which too few answers of an outcome are left are joined to others.
    """
    assigned = {s.question_id: s for s in splits}
    group = {question_id: ":".join(name) for question_id, name in group_questions(questions).of.items()}
    scored = [g for g in grades if g.outcome is not Outcome.UNSCORED]
    y = np.array([g.outcome is Outcome.RIGHT for g in scored], dtype=bool)
    return LabelledAnswers(
        ids=tuple(g.key for g in scored),
        y=y,
        split=tuple(assigned[g.question_id].split for g in scored),
        fold=_joined_folds(np.array([assigned[g.question_id].fold for g in scored], dtype=np.int64), y),
        group=tuple(group[g.question_id] for g in scored),
        canonical=tuple(g.canonical for g in scored),
    )


def _joined_folds(fold: Ints, y: Bools) -> Ints:
    """Join each fold that has fewer than `FEWEST` answers of an outcome to the next poorest, while two are left."""
    joined: Ints = fold.copy()
    while True:
        fewest = {n: int(min(y[joined == n].sum(), (~y[joined == n]).sum())) for n in np.unique(joined[joined >= 0])}
        poorest = sorted(fewest, key=lambda n: (fewest[n], n))
        if len(poorest) <= 2 or fewest[poorest[0]] >= FEWEST:
            return joined
        joined[joined == poorest[0]] = poorest[1]
