"""The exact answer as the paper finds it: a right answer's is where the gold string stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from truthmap.answer_parts import final_answer, in_whole, parted
from truthmap.grading.alias_mentions import find_alias
from truthmap.grading.locating import LocatingKind
from truthmap.grading.locator import extract
from truthmap.grading.rule import Pair
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import Locating
from truthmap.records import Answer, Grade, Outcome, Question, Span
from truthmap.text import find_words, normalize, normalized


class GoldLocating(LocatingKind):
    """The paper's way, kept for comparison: the gold string where the answer is right, a model where it is wrong.

    It leaks the label into the place.
    """

    name = Locating.GOLD
    needs_locator = True

    def locate(self, pairs: Sequence[Pair], results: Sequence[RuleResult], graders: Graders) -> list[Span | None]:
        """Find the accepted answer in right answers, and have the locator copy from the others."""
        assert graders.locator is not None
        spans = [
            _gold_span(*pair) if result.outcome is Outcome.RIGHT else None
            for pair, result in zip(pairs, results, strict=True)
        ]
        rest = [index for index, span in enumerate(spans) if span is None]
        for index, span in zip(rest, extract([pairs[index] for index in rest], graders.locator), strict=True):
            spans[index] = span
        return spans


def _gold_span(question: Question, answer: Answer) -> Span | None:
    mention = find_alias(answer.text, question.text, question.accepted)
    return None if mention is None else mention.span


def at_gold(question: Question, answer: Answer, grade: Grade) -> Grade:
    """Put the exact answer of a right answer where an accepted answer first stands; other grades stay as they are.

    The place then depends on the outcome, which can leak it: that is what the paper does, and why truthmap locates
    right and wrong answers by one rule.
    """
    if grade.outcome is not Outcome.RIGHT:
        return grade
    whole = parted(answer)
    text = normalize(final_answer(whole).text)
    for gold in question.accepted:
        phrase = normalized(gold)
        start = find_words(text.text, phrase)
        if start >= 0:
            span = in_whole(whole, Span(*text.original(start, start + len(phrase))))
            return replace(grade, span=span, exact_answer=answer.text[span.start : span.end])
    return grade
