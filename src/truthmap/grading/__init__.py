"""Outcome, exact answer and the 15 positions of an answer."""

from __future__ import annotations

from truthmap.grading.grading import Asker, grade
from truthmap.grading.mentions import Mention, find_mentions, first_mention
from truthmap.grading.positions import MISSING, locate_positions, span_tokens
from truthmap.grading.refusals import is_refusal

__all__ = [
    "MISSING",
    "Asker",
    "Mention",
    "find_mentions",
    "first_mention",
    "grade",
    "is_refusal",
    "locate_positions",
    "span_tokens",
]
