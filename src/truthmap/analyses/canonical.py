"""What an answer says in one spelling, so that answers which say the same can be counted."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.answer_parts import final_answer
from truthmap.records import Answer, Grade
from truthmap.text import normalized


def canonical_answer(answer: Answer, grade: Grade) -> str:
    """Return what an answer says in one spelling."""
    if grade.refusal:
        return "refusal"
    exact = normalized(grade.canonical or grade.exact_answer)
    return f"exact {exact}" if exact else f"text {normalized(final_answer(answer).text)}"


def numbered(answers: Sequence[str]) -> list[int]:
    """Number answers in the order in which they first come.

    >>> numbered(["peru", "chile", "peru"])
    [0, 1, 0]
    """
    numbers: dict[str, int] = {}
    return [numbers.setdefault(canonical, len(numbers)) for canonical in answers]
