"""What a way of locating exact answers is: one class in a file of its own, and one line in `kinds.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from truthmap.grading.rule import Pair
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import Locating
from truthmap.records import Span


class LocatingKind(Protocol):
    """A way to find the exact answer in answers.

    Attributes:
        name: What settings call it.
        needs_locator: A model copies exact answers (`Graders.locator`).
        needs_rule_span: It takes what the grading rule found, so it goes with rules that find something.
        stand_in: What locates in its stead where a question set asks for it and no locator is named.
    """

    name: ClassVar[Locating]
    needs_locator: ClassVar[bool] = False
    needs_rule_span: ClassVar[bool] = False
    stand_in: ClassVar[Locating | None] = None

    def locate(self, pairs: Sequence[Pair], results: Sequence[RuleResult], graders: Graders) -> list[Span | None]:
        """Return the characters of each answer that are its exact answer; `None` where there is none.

        Args:
            pairs: Questions with their answers.
            results: What the grading rule said of them.
            graders: The models that are named.
        """
        ...
