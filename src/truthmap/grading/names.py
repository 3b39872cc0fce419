"""A rough rule that needs no model: the name, number or phrase that the answer gives and the question lacks."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.budget import TookTooLongError
from truthmap.grading.locating import LocatingKind
from truthmap.grading.open_answer import read_open
from truthmap.grading.reading import Reading
from truthmap.grading.rule import Pair
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import Locating
from truthmap.records import Span


class NameLocating(LocatingKind):
    """The name, number or phrase that the answer gives and the question does not contain: rough, but needs no model."""

    name = Locating.NAME

    def locate(self, pairs: Sequence[Pair], results: Sequence[RuleResult], graders: Graders) -> list[Span | None]:  # noqa: ARG002
        """Find what each answer gives."""
        return [find_name(answer.text, question.text) for question, answer in pairs]


def find_name(text: str, question: str) -> Span | None:
    """Find the name, number or phrase that an answer gives; see `read_open`."""
    try:
        return read_open(Reading.of(text, question), question).span
    except TookTooLongError:
        return None
