"""Folds as the probes get them: joined where unlucky dice left one without both outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.errors import NotEnoughDataError
from truthmap.probes.enough import require_enough
from truthmap.probes.labels import LabelledAnswers, label_answers
from truthmap.records import Grade, Outcome, Question, Split, SplitAssignment


def dealt(*folds: tuple[int, int]) -> tuple[LabelledAnswers, list[Grade]]:
    """Labels of folds with so many right and wrong answers; the last one is the test part."""
    rows = [
        (fold if fold < len(folds) - 1 else -1, outcome)
        for fold, counts in enumerate(folds)
        for outcome, n in zip((Outcome.RIGHT, Outcome.WRONG), counts, strict=True)
        for _ in range(n)
    ]
    names = [f"q{n}" for n in range(len(rows))]
    grades = [Grade(name, outcome, "alias", None, "", "", "") for name, (_, outcome) in zip(names, rows, strict=True)]
    splits = [
        SplitAssignment(name, Split.TEST if fold < 0 else Split.TRAIN, fold)
        for name, (fold, _) in zip(names, rows, strict=True)
    ]
    return label_answers([Question(name, name) for name in names], grades, splits), grades


def sizes(labels: LabelledAnswers) -> list[int]:
    """How many answers each fold has, in the order of their numbers; the test part is left out."""
    return np.unique(labels.fold[labels.fold >= 0], return_counts=True)[1].tolist()


def test_folds_with_both_outcomes_stay_as_they_were_dealt() -> None:
    labels, grades = dealt((2, 9), (5, 2), (3, 3), (4, 4))
    assert sizes(labels) == [11, 7, 6]
    require_enough(labels, grades)


def test_a_fold_without_one_outcome_is_joined_to_the_next_poorest() -> None:
    labels, grades = dealt((0, 10), (8, 9), (10, 12), (4, 4))
    assert sizes(labels) == [27, 22]
    require_enough(labels, grades)


def test_joining_ends_at_two_folds_and_does_not_make_up_answers() -> None:
    labels, grades = dealt((0, 4), (1, 4), (0, 4), (2, 2))
    assert len(sizes(labels)) == 2
    with pytest.raises(NotEnoughDataError, match="too few answers for a map"):
        require_enough(labels, grades)


def test_the_test_part_is_never_joined() -> None:
    labels, _ = dealt((0, 10), (8, 9), (10, 12), (4, 4))
    assert int((labels.fold == -1).sum()) == 8
