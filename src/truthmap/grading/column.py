"""Locating the exact answer that came with the question."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.locating import LocatingKind
from truthmap.grading.rule import Pair
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import Locating
from truthmap.records import Span
from truthmap.text import find_words, normalize, normalized


class ColumnLocating(LocatingKind):
    """The question came with its exact answer."""

    name = Locating.COLUMN

    def locate(self, pairs: Sequence[Pair], results: Sequence[RuleResult], graders: Graders) -> list[Span | None]:  # noqa: ARG002
        """Find each question's exact answer in the answer."""
        return [find_piece(answer.text, question.exact_answer or "") for question, answer in pairs]


def find_piece(text: str, piece: str) -> Span | None:
    """Find a piece of an answer in it: to the letter, else with case, accents and blanks set aside."""
    wanted = piece.strip()
    if not wanted:
        return None
    at = text.find(wanted)
    if at >= 0:
        return Span(at, at + len(wanted))
    answered, phrase = normalize(text), normalized(wanted)
    at = find_words(answered.text, phrase)
    return None if at < 0 else Span(*answered.original(at, at + len(phrase)))
