"""Rows of logs, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from truthmap.questions.columns import Columns
from truthmap.questions.loading import QuestionSettings, question_set_of_rows
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.readers import Row
from truthmap.records import Outcome

LOGS = Path(__file__).parent / "logs"


def from_rows(values: Any, **columns: Any) -> QuestionSet:
    rows = [Row(number, each) for number, each in enumerate(values, start=1)]
    return question_set_of_rows("log", rows, QuestionSettings(columns=Columns(**columns), skip_bad=True))


def right(found: QuestionSet) -> int:
    return sum(question.outcome is Outcome.RIGHT for question in found.questions)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
