"""Locating the exact answer where the grading rule found what decided."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.grading.locating import LocatingKind
from truthmap.grading.rule import Pair
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import Locating
from truthmap.records import Span


class RuleLocating(LocatingKind):
    """What the grading rule itself found: the candidate, the number, the choice or the label."""

    name = Locating.RULE
    needs_rule_span = True

    def locate(self, pairs: Sequence[Pair], results: Sequence[RuleResult], graders: Graders) -> list[Span | None]:  # noqa: ARG002
        """Take each result's span."""
        return [result.span for result in results]
