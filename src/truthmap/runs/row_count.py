"""How many rows a run has, in words: answers, or claims of answers."""

from __future__ import annotations


def rows_counted(rows: int, answers: int) -> str:
    """Return how many answers were graded, or how many claims of how many answers: `600 claims of 200 answers`."""
    return f"{rows:,} claims of {answers:,} answers" if rows > answers else f"{rows:,}"
