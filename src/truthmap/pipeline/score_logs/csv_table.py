"""Scores as a table: a row for each graded claim, in CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from truthmap.files import atomic_write
from truthmap.pipeline.answer_scores import AnswerScore
from truthmap.pipeline.score_logs.base import ScoredLog
from truthmap.text import harmless

_NUMBERS = tuple(name for name in AnswerScore.model_fields if name != "caveats")
COLUMNS = (*_NUMBERS, "caveats", "question", "answer", "exact_answer")


def write_csv(log: ScoredLog, out: Path) -> int:
    """Write the table of a run's scores; return how many rows have one.

    What a spreadsheet would take for a formula is made harmless.

    Raises:
        StorageError: the file cannot be written.
    """
    data = log.data
    with atomic_write(out) as temp_path, temp_path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for grade, row in zip(data.grades, log.scores.rows, strict=True):
            said = row.model_dump(mode="json")
            texts = (data.question_of(grade.key).text, data.answer_of(grade.key).text, grade.exact_answer)
            numbers = [said[name] for name in _NUMBERS]
            cells = [*numbers, " ".join(said["caveats"]), *texts]
            writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
    return sum(row.score is not None for row in log.scores.rows)
