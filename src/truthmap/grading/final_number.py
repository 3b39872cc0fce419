"""The rule for questions whose answer is a number: the number that the answer gives, compared exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from truthmap.grading.concluding_number import CUT_OFF, concluding_number
from truthmap.grading.dates import find_dates, same_date
from truthmap.grading.numbers import equal_numbers, find_numbers, written_value
from truthmap.grading.reading import Reading
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, found, nothing_found, undecided
from truthmap.grading.said_number import Said
from truthmap.grading.text_model import Graders
from truthmap.grading.units import unit_in
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Grade, Question, Span

RULE = str(GradingRule.NUMBER)


class NumberRule(RuleKind):
    """The number that the answer gives equals an accepted one."""

    name = GradingRule.NUMBER
    finds_span = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the number that each gives."""
        return grade_each(pairs, self.name, by_number)

    def canonical(self, result: RuleResult, span: Span) -> str:  # noqa: ARG002
        """Return the number itself: it is what the answer says, wherever the exact answer was located."""
        return result.canonical

    def agrees(self, question: Question, grade: Grade) -> bool:
        """Return whether the exact answer holds an accepted number or date."""
        numbers, dates = find_numbers(grade.exact_answer), list(find_dates(grade.exact_answer))
        return any(_equals(Said(number=n), question) for n in numbers) or any(
            _equals(Said(date=d), question) for d in dates
        )


def by_number(question: Question, answer: Answer, reading: Reading) -> RuleResult:
    """Grade by the number that the answer gives.

    Right if it equals an accepted one: as exact values, `1,000` like `1000` and `0.5` like `1/2`; where both have a
    unit, in the same one. An answer that leaves two numbers open ("41 or 42", "40-42") is undecided; one that says
    between which two it lies gives none. A long answer that was cut off before it concluded is unscored.
    """
    said = concluding_number(reading, question.text, finished=answer.finished)
    if said is None:
        why = CUT_OFF if not answer.finished and find_numbers(reading.text) else "names no number"
        return nothing_found(reading, RULE, why, question.text)
    if said.open:
        return undecided(RULE)
    span = Span(said.start, said.end)
    return found(
        right=not said.between and _equals(said, question),
        rule=RULE,
        why=f"gives {reading.text[said.start : said.end]!r}",
        span=span,
        canonical=_canonical(said, question.text),
    )


def _equals(said: Said, question: Question) -> bool:
    return any(_equals_one(said, accepted) for accepted in question.accepted)


def _equals_one(said: Said, accepted: str) -> bool:
    dates = list(find_dates(accepted))
    if said.date is not None:
        if dates:
            return same_date(said.date, dates[0])
        return any(
            number.value in (said.date.year, said.date.day) and number.unit is None
            for number in find_numbers(accepted)[:1]
        )
    numbers = find_numbers(accepted)
    if said.number is None or not numbers or dates:
        return False
    return equal_numbers(said.number, numbers[0])


def _canonical(said: Said, question: str) -> str:
    """Write what is said in one spelling: a date, a number in the unit that the question names, else in base units."""
    if said.date is not None:
        return said.date.written
    assert said.number is not None
    number = said.number
    asked = unit_in(question)
    if number.unit is None or (asked is not None and number.unit == asked):
        return _rounded(number.value)
    if asked is not None and asked.dimension == number.unit.dimension:
        return _rounded(number.value * number.unit.factor / asked.factor)
    return f"{_rounded(number.value * number.unit.factor)} {number.unit.dimension}"


def _rounded(value: Fraction) -> str:
    """Write a value, a long decimal rounded to two places or two digits: 1/3 and 0.333 are the same."""
    if value.denominator == 1:
        return written_value(value)
    places = 2
    while abs(value) * 10**places < 10 and places < 12:
        places += 1
    return written_value(Fraction(round(value * 10**places), 10**places))
