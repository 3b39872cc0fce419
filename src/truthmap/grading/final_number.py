"""The rule for questions whose answer is a number: the number that the answer concludes with, compared exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from truthmap.grading.numbers import Number, find_numbers, said_value, same_value, written_value
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, found, nothing_found
from truthmap.grading.text_model import Graders
from truthmap.grading.units import Unit
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Grade, Question, Span

RULE = str(GradingRule.NUMBER)

CUT_OFF = "cut off before it concludes"
_MARKER = re.compile(
    r"####|\\boxed\{|\b(?:answer|result|solution)(?:\s+(?:is|was|equals|would be)\b|\s*[:=])",
    re.IGNORECASE,
)
# A sentence ends at a line's end, or at a full stop that no digit follows.
_SENTENCE_END = re.compile(r"\n|[.!?](?=\s|$)")


class NumberRule(RuleKind):
    """The number that the answer concludes with equals an accepted one."""

    name = GradingRule.NUMBER
    finds_span = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the number that each concludes with."""
        return grade_each(pairs, by_number)

    def canonical(self, result: RuleResult, span: Span) -> str:  # noqa: ARG002
        """Return the number itself: it is what the answer says, wherever the exact answer was located."""
        return result.canonical

    def agrees(self, question: Question, grade: Grade) -> bool:  # noqa: ARG002
        """Return whether the exact answer holds the number that decided."""
        return any(written_value(number.value) == grade.canonical for number in find_numbers(grade.exact_answer))


def by_number(question: Question, answer: Answer) -> RuleResult:
    """Grade by the number that the answer concludes with.

    Right if it equals an accepted one: as exact values, `1,000` like `1000` and `0.5` like `1/2`; where both have a
    unit, in the same one. A long answer that was cut off before it concluded is unscored.
    """
    numbers = find_numbers(answer.text)
    said = concluding_number(answer.text, question.text, numbers, finished=answer.finished)
    if said is None:
        return nothing_found(answer.text, RULE, CUT_OFF if numbers else "names no number")
    wanted = [_wanted(accepted) for accepted in question.accepted]
    values = [(value, number.value) for number in wanted if (value := said_value(said, number.unit)) is not None]
    return found(
        right=any(same_value(value, accepted) for value, accepted in values),
        rule=RULE,
        why=f"concludes with {answer.text[said.start : said.end]!r}",
        span=Span(said.start, said.end),
        canonical=_canonical(values, said),
    )


def concluding_number(text: str, question: str, numbers: Sequence[Number], *, finished: bool) -> Number | None:
    r"""Return the number that an answer concludes with; `None` if it names none, or was cut off before.

    That is, in this order: the number after the last `####`, `\boxed` or "the answer is" (the result, where an equation
    follows); where the answer repeats the question's own sum, the number it gives for it at once; where the model
    closed the answer itself, the last number of the last sentence that has one, numbers not in the question first.
    """
    for marker in reversed(list(_MARKER.finditer(text))):
        marked = _in_sentence(text, marker.end(), numbers)
        if marked:
            return _result(text, marked)
    asked = {number.value for number in find_numbers(question)}
    opening = _opening(text, numbers, asked)
    if opening is not None:
        return opening
    if not numbers or not finished:
        return None
    last = _in_last_sentence(text, numbers)
    return ([number for number in last if number.value not in asked] or last)[-1]


def _opening(text: str, numbers: Sequence[Number], asked: set[Fraction]) -> Number | None:
    """Return the result where the first sentence is a sum of the question's own numbers ("27 times 14 is 378.")."""
    first = _in_sentence(text, 0, numbers)
    if not 1 <= len(asked) <= 2 or len(first) != len(asked) + 1 or {number.value for number in first[:-1]} != asked:
        return None
    between = text[first[-2].end : first[-1].start]
    return first[-1] if re.search(r"(?:=|\b(?:is|equals|makes|gives))\W*$", between) else None


def _in_sentence(text: str, start: int, numbers: Sequence[Number]) -> list[Number]:
    """Return the numbers of the sentence that goes on at `start`, or of the next one where that has none."""
    after = [number for number in numbers if number.start >= start]
    if not after:
        return []
    end = _SENTENCE_END.search(text, after[0].end)
    return [number for number in after if end is None or number.end <= end.start()]


def _in_last_sentence(text: str, numbers: Sequence[Number]) -> list[Number]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, numbers[-1].start)]
    return [number for number in numbers if number.start >= (ends[-1] if ends else 0)]


def _result(text: str, marked: Sequence[Number]) -> Number:
    """Return the first of the numbers, or what the equation that begins with it comes to."""
    result = marked[0]
    for number in marked[1:]:
        between = text[result.end : number.start]
        if not re.fullmatch(r"[\s=+\-−–*×x·/÷%$€()a-zA-Z]*", between) or not re.search(r"[=+\-−*×·/÷]", between):
            break
        result = number
    return result


def _wanted(accepted: str) -> Number:
    """Return the number that an accepted answer is: the first in it."""
    numbers = find_numbers(accepted)
    return numbers[0] if numbers else Number(0, 0, Fraction(0), Unit("none", Fraction(1)))


def _canonical(values: Sequence[tuple[Fraction, Fraction]], said: Number) -> str:
    """Write the number in the accepted answer's unit, as the accepted answer where the two are the same value."""
    if not values:
        return written_value(said.value)
    value, accepted = values[0]
    return written_value(accepted if same_value(value, accepted) else value)
