"""What a detector is made from: the states of scored answers, and the records that are sealed with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from truthmap.arrays import Bools
from truthmap.detector.acceptance import AllAnswers
from truthmap.detector.artifact import TrainingRecord
from truthmap.detector.caveats import spoken_before
from truthmap.detector.config import AnswerSource, CellAt, Role
from truthmap.detector.fit_head import HeadData
from truthmap.probes.grid import Cell, Grid
from truthmap.probes.labels import LabelledAnswers, label_answers
from truthmap.probes.layer_source import LayerSource
from truthmap.records import Answer, Grade, Outcome, Question, SplitAssignment


@dataclass(frozen=True)
class TrainingData:
    """The scored answers of a run, with their states and their grid.

    Attributes:
        labels: Which answers are right, and how they are split: n of them.
        states: Their hidden states.
        grid: The grid of the detector's site: it says which C each cell is fitted with.
        n_ungraded: Groups of the test part of which no answer could be graded.
    """

    labels: LabelledAnswers
    states: LayerSource
    grid: Grid
    n_ungraded: int = 0


def read_head_data(
    data: TrainingData,
    role: Role,
    cells: Sequence[Cell],
    stack_c: float | None = None,
    acceptable: Bools | None = None,
) -> HeadData:
    """Read the states of the answers that have all K cells of a head; for the last two see `HeadData`, `AllAnswers`."""
    labels, c = data.labels, data.grid.c
    read = [data.states.read_cell(cell.site, cell.layer, cell.position, labels.ids) for cell in cells]
    here = np.flatnonzero(np.all([each.present[0] for each in read], axis=0))
    states = [each.states[0][here].float().numpy() for each in read]
    record_index = {i: n for n, i in enumerate(labels.of(test=False).ids)}
    return HeadData(
        role=role,
        cells=tuple(
            CellAt(
                layer=cell.layer,
                position=cell.position,
                C=float(c[data.grid.index(cell)]),
                rule=str(cell.position.rule),
            )
            for cell in cells
        ),
        states=np.stack(states, axis=1),
        right=labels.y[here],
        fold=labels.fold[here],
        group=tuple(labels.group[n] for n in here),
        record_index=np.array([record_index.get(labels.ids[n], -1) for n in here], dtype=np.int64),
        stack_c=stack_c,
        among=AllAnswers(
            rows=here,
            right=labels.y,
            fold=labels.fold,
            group=labels.group,
            acceptable=np.ones(len(labels.y), dtype=bool) if acceptable is None else acceptable,
            n_ungraded=data.n_ungraded,
        ),
    )


def training_records(
    labels: LabelledAnswers, questions: Sequence[Question], grades: Sequence[Grade]
) -> tuple[TrainingRecord, ...]:
    """Return the answers outside the test part as they are shown, in the order of `labels`."""
    text = {question.id: question.text for question in questions}
    grade = {g.key: g for g in grades if g.outcome is not Outcome.UNSCORED}
    return tuple(
        TrainingRecord(
            question=text[i.question_id], exact_answer=grade[i].exact_answer, right=grade[i].outcome is Outcome.RIGHT
        )
        for i in labels.of(test=False).ids
    )


def closing_token(answers: Sequence[Answer]) -> int | None:
    """Return the token that closes most generated answers, or `None` where none was generated or closed."""
    closing = Counter(a.answer_ids[-1] for a in answers if a.finished and a.log_probs)
    return closing.most_common(1)[0][0] if closing else None


def ungraded_groups(questions: Sequence[Question], grades: Sequence[Grade], splits: Sequence[SplitAssignment]) -> int:
    """Count the groups of the test part of which no answer could be graded."""
    # As if all had been graded, so that every answer has its group.
    groups = set(
        label_answers(questions, [replace(g, outcome=Outcome.WRONG) for g in grades], splits).of(test=True).group
    )
    return len(groups - set(label_answers(questions, grades, splits).of(test=True).group))


def training_turns(questions: Sequence[Question]) -> tuple[tuple[str, ...], ...]:
    """Return who spoke before the questions, each sequence of roles once."""
    return tuple(sorted({spoken_before(question) for question in questions}))


def has_context(questions: Sequence[Question]) -> bool | None:
    """Tell whether questions come with a context: all (`True`), none (`False`), or some."""
    given = {question.context is not None for question in questions}
    return given.pop() if len(given) == 1 else None


def answer_source(questions: Sequence[Question]) -> AnswerSource:
    """Return where the answers to these questions came from: with them, or from the model."""
    given = {question.answer is not None for question in questions}
    if len(given) > 1:
        return AnswerSource.MIXED
    return AnswerSource.GIVEN if given == {True} else AnswerSource.GENERATED
