"""The graded answers of a run as one table."""

from __future__ import annotations

import math

import pandas as pd

from truthmap.answer_parts import final_answer, thought_text
from truthmap.probes.grid import Cell
from truthmap.questions.groups import group_questions
from truthmap.runs.cells import unseen_scores
from truthmap.runs.data import RunData

COLUMNS = {
    "id": "object",
    "question_id": "object",
    "sample": "int64",
    "claim": "int64",
    "question": "object",
    "accepted": "object",
    "answer": "object",
    "thought": "object",
    "final": "object",
    "outcome": "object",
    "exact_answer": "object",
    "start": "Int64",
    "end": "Int64",
    "rule": "object",
    "why": "object",
    "refusal": "bool",
    "split": "object",
    "fold": "int64",
    "group": "object",
    "score": "float64",
}
"""Columns of the table with their types."""


def answer_table(data: RunData, cell: Cell | None) -> pd.DataFrame:
    """Return a row per graded claim, in the order of the run.

    Args:
        data: The run.
        cell: Whose scores are given; `None`, of a run that has no map: none.

    Returns:
        The columns of `COLUMNS`: `accepted` holds tuples; `thought` is the text of the answer's thought, `None` where
        it has none, and `final` what comes behind it; `start` and `end` are the characters of `answer` that are the
        exact answer, missing where none was found; `fold` is -1 in the test part; `score` is the log-odds of being
        right by a probe of the cell that has not seen the answer, NaN where there is none.
    """
    scores = {} if cell is None else unseen_scores(data, cell)
    assigned = {split.question_id: split for split in data.splits}
    groups = group_questions(data.questions).of
    rows = []
    for grade in data.grades:
        question, answer, place = data.question_of(grade.key), data.answer_of(grade.key), assigned[grade.question_id]
        rows.append(
            (
                str(grade.key), question.id, grade.sample, grade.claim, question.text, question.accepted, answer.text,
                thought_text(answer), final_answer(answer).text,
                str(grade.outcome), grade.exact_answer,
                None if grade.span is None else grade.span.start, None if grade.span is None else grade.span.end,
                grade.rule, grade.why, grade.refusal, str(place.split), place.fold, ":".join(groups[question.id]),
                scores.get(grade.key, math.nan),
            )
        )  # fmt: skip
    table: pd.DataFrame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    return table
