"""How many rows a run has, in words: answers, or claims of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from truthmap.runs.data import RunData


def rows_counted(data: RunData) -> str:
    """Return how many answers were graded, or how many claims of how many answers: `600 claims of 200 answers`."""
    rows = f"{len(data.grades):,}"
    return f"{rows} claims of {len(data.answers):,} answers" if any(grade.claim for grade in data.grades) else rows
