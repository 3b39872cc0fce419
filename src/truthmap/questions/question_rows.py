"""Questions as rows of a question file, in JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from truthmap.files import atomic_write
from truthmap.records import Message, Question


def question_row(question: Question) -> dict[str, Any]:
    """Return a question in the usual columns of a question file; what it has not is left out."""
    said = [asdict(message) for message in (*question.turns, Message("user", question.text))]
    row = {
        "id": question.id,
        "question": said if question.turns else question.text,
        "whole_prompt": question.prompt,
        "accepted": list(question.accepted),
        "candidates": None if question.candidates is None else [list(names) for names in question.candidates],
        "context": question.context,
        "group": question.group,
        "response": question.answer,
        "outcome": None if question.outcome is None else str(question.outcome),
        "exact_answer": question.exact_answer,
        "claims": [
            {"start": claim.span.start, "end": claim.span.end, "outcome": str(claim.outcome)}
            for claim in question.claims
        ],
    }
    return {name: value for name, value in row.items() if value not in (None, [])}


def write_question_rows(path: Path, questions: Iterable[Question]) -> None:
    """Write questions as JSON lines that `load_questions` reads back as they are, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    with atomic_write(path) as temp_path, temp_path.open("w", encoding="utf-8", newline="\n") as file:
        for question in questions:
            file.write(json.dumps(question_row(question), ensure_ascii=False) + "\n")
