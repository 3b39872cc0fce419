"""How many rows a run has, in words: answers, or claims of answers."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.records import Answer, Grade


def rows_counted(answers: Sequence[Answer], grades: Sequence[Grade]) -> str:
    """Return how many answers were graded, or how many claims of how many answers: `600 claims of 200 answers`."""
    rows = f"{len(grades):,}"
    return f"{rows} claims of {len(answers):,} answers" if any(grade.claim for grade in grades) else rows
