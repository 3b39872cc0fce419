"""Which answers a detector can accept at all, whatever their score: the same when it is measured and when used."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.detector.config import CellAt
from truthmap.positions import Group
from truthmap.records import Grade


def lacks_exact_answer(grade: Grade, cells: Sequence[CellAt], found_right: float) -> bool:
    """Tell whether an answer lacks an exact answer where one is needed; such an answer is never accepted.

    Args:
        grade: Where its exact answer was found, if anywhere, and whether it declines to answer.
        cells: Where the answer head reads.
        found_right: Share of the right training answers in which an exact answer was found.
    """
    if grade.span is not None:
        return False
    reads_it = any(cell.position.group is Group.EXACT for cell in cells)
    return reads_it or grade.refusal or found_right == 1
