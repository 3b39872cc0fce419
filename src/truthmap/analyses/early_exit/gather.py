"""What is known of the thoughts of a run, place by place: what was read there, and what they have named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.analyses.early_exit.measure import ThoughtsSoFar
from truthmap.analyses.thought.so_far import SoFar
from truthmap.answer_parts import parted
from truthmap.arrays import Floats
from truthmap.grading.grade import grade_many
from truthmap.positions import Position
from truthmap.questions.tasks import Task
from truthmap.records import Outcome, RowKey
from truthmap.runs.data import RunData

Reading = Callable[[Position, tuple[RowKey, ...]], Mapping[RowKey, float]]
"""Gives P(right) of rows at a place, of those that have it."""


def gather_thoughts(
    data: RunData, places: Sequence[Position], task: Task, read: Reading, *, test: bool
) -> ThoughtsSoFar:
    """Gather what is known of the answers that think, of the test part or of the others, place by place.

    What thoughts have named is graded by the run's rule.
    """
    part = data.labels.of(test=test)
    thoughts = {row: thought.tokens for row in part.ids if (thought := parted(data.answer_of(row)).thought)}
    labels = part.take(np.array([thoughts.get(row) is not None for row in part.ids], dtype=bool))
    tokens = np.array([float(t.end - t.start) for row in labels.ids if (t := thoughts[row]) is not None])
    if not labels.ids:
        nothing = np.zeros((0, len(places)))
        return ThoughtsSoFar(nothing, nothing, nothing, labels.y, tokens, labels.group)
    columns = []
    for place in places:
        said, found = _said_at(data, place, task, labels.ids), read(place, labels.ids)
        columns.append((np.array([found.get(row, np.nan) for row in labels.ids]), said.right_now, said.spent))
    p_right, right_now, spent = (np.stack(each, axis=1) for each in zip(*columns, strict=True))
    spent = np.where(np.isnan(spent), tokens[:, None], spent)
    return ThoughtsSoFar(p_right, right_now, spent, labels.y, tokens, labels.group)


@dataclass(frozen=True)
class _SaidAt:
    """What thoughts have named at a place, and how far they are, n rows each: see `ThoughtsSoFar`."""

    right_now: Floats
    spent: Floats


def _said_at(data: RunData, place: Position, task: Task, ids: tuple[RowKey, ...]) -> _SaidAt:
    """Grade what the thoughts of rows have named at a place; where a thought is over there, nothing is left to end."""
    answers = SoFar.of(data, place).answers
    there = [row for row in ids if row in answers and not answers[row].finished]
    graded = grade_many([(data.question_of(row), answers[row]) for row in there], task)
    said = {
        row: float(grade.outcome is Outcome.RIGHT)
        for row, grade in zip(there, graded, strict=True)
        if grade.span is not None and grade.outcome is not Outcome.UNSCORED
    }
    right_now = np.array([said.get(row, np.nan) for row in ids])
    return _SaidAt(right_now, np.array([float(len(answers[r].answer_ids)) if r in answers else np.nan for r in ids]))
