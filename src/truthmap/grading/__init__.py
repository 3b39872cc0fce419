"""Outcome, exact answer and the 15 positions of an answer."""

from __future__ import annotations

from truthmap.grading.asking import Asker, Helpers
from truthmap.grading.endpoint import KEY_VARIABLE, Endpoint
from truthmap.grading.grading import agrees_with_accepted, grade, grade_many, needs_judge, needs_locator
from truthmap.grading.mentions import Mention, find_mentions, first_mention
from truthmap.grading.positions import MISSING, locate_positions, span_tokens
from truthmap.grading.refusals import is_refusal

__all__ = [
    "KEY_VARIABLE",
    "MISSING",
    "Asker",
    "Endpoint",
    "Helpers",
    "Mention",
    "agrees_with_accepted",
    "find_mentions",
    "first_mention",
    "grade",
    "grade_many",
    "is_refusal",
    "locate_positions",
    "needs_judge",
    "needs_locator",
    "span_tokens",
]
