from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.grading.grade import grade
from truthmap.grading.numbers import find_numbers, same_value, written_value
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Grade, Outcome, Question

TASK = Task(GradingRule.NUMBER)


def say(text: str, accepted: str = "9", asked: str = "How many are there?", finished: bool = True) -> Grade:
    return grade(Question("q", asked, (accepted,)), Answer("q", (1,), (7,), text, (), (), finished), TASK)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs $1,234.50.", {"1,234.50": "2469/2"}),
        ("1,234,567 or 1.234.567", {"1,234,567": "1234567", "1.234.567": "1234567"}),
        ("1\u202f234\u00a0567", {"1\u202f234\u00a0567": "1234567"}),
        ("1,2,345 and 6,78", {"1": "1", "2,345": "2345", "6": "6", "78": "78"}),
        ("3/4, 2 1/2, 1½, ¾", {"3/4": "3/4", "2 1/2": "5/2", "1½": "3/2", "¾": "3/4"}),
        ("\\frac{3}{8}", {"\\frac{3}{8}": "3/8"}),
        ("-7, x = −3, they are -5", {"-7": "-7", "−3": "-3", "-5": "-5"}),
        ("9-3, 8 - 4, 100–200", {"9": "9", "3": "3", "8": "8", "4": "4", "100": "100", "200": "200"}),
        ("5km, 2nd, .5, 1e5 and 12 %", {"5": "5", "2": "2", ".5": "1/2", "1e5": "100000", "12": "12"}),
        ("3 million, two dozen", {"3 million": "3000000", "two dozen": "24"}),
        ("twenty-one, three hundred and five", {"twenty-one": "21", "three hundred and five": "305"}),
        ("nineteen ninety", {"nineteen": "19", "ninety": "90"}),
        ("one hundred twenty thousand and one", {"one hundred twenty thousand and one": "120001"}),
        ("one of the A4 pages of v1.2.3, no one, 12/0", {}),
        ("５ or ١٢", {"５": "5", "١٢": "12"}),
    ],
)
def test_numbers_are_found_with_their_exact_values(text: str, found: dict[str, str]) -> None:
    assert {text[n.start : n.end]: str(n.value) for n in find_numbers(text)} == found


@pytest.mark.parametrize(
    ("said", "accepted", "outcome"),
    [
        ("3.7", "3", Outcome.WRONG),
        ("3.7", "4", Outcome.WRONG),
        ("3.0", "3", Outcome.RIGHT),
        ("1,000", "1000", Outcome.RIGHT),
        ("1000", "[1000.0]", Outcome.RIGHT),
        ("0.5", "1/2", Outcome.RIGHT),
        ("50%", "50", Outcome.RIGHT),
        ("3.14159", "3.14", Outcome.RIGHT),
        ("0.333", "1/3", Outcome.RIGHT),
        ("3.15", "3.14", Outcome.WRONG),
        ("-9", "9", Outcome.WRONG),
        ("2 km", "2000 m", Outcome.RIGHT),
        ("2 km", "2 kg", Outcome.WRONG),
        ("2", "2 kg", Outcome.RIGHT),
        ("120 minutes", "2 hours", Outcome.RIGHT),
        ("$3 million", "3000000 dollars", Outcome.RIGHT),
        ("nine", "9", Outcome.RIGHT),
    ],
)
def test_equal_numbers_are_right_in_whatever_form_and_no_others(said: str, accepted: str, outcome: Outcome) -> None:
    assert say(f"There are {said}.", accepted).outcome is outcome


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("Jerry owned seven games and got two more. So he had seven + two = nine games.", "nine"),
        ("There are 4 groups of 3, that is 12.\n#### 12\nThe answer is: 9", "9"),
        ("The answer is 12 + 375 = 387.", "387"),
        ("\\boxed{9} since 81 / 9 = 9 and 80 / 9 is 8.9", "9"),
        ("We compute 140 / 350 * 100% = 40%. This is the total percentage.", "40"),
        ("The answer is 21.\n\nEd had 12", "21"),
    ],
)
def test_the_number_that_an_answer_concludes_with_decides(text: str, exact: str) -> None:
    result = say(text)
    assert result.exact_answer == exact
    assert result.span is not None
    assert text[result.span.start : result.span.end] == exact


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("27 times 14 is 378. To see this, take 20 times 14 and add 7 times 14, which is", "378"),
        ("378 is what 27 times 14 is.", "378"),
        ("27 times 14 is 27.", "27"),
        ("The product of 27 and 14 is 378, which is more than 300.", "378"),
    ],
)
def test_numbers_of_the_question_count_only_where_no_other_is_said(text: str, exact: str) -> None:
    assert say(text, "378", "What is 27 times 14?", finished=text.endswith(".")).exact_answer == exact


def test_an_answer_cut_off_before_it_concludes_is_unscored() -> None:
    result = say("First, 8 + 4 = 12. Then we take", finished=False)
    assert (result.outcome, result.span, result.why) == (Outcome.UNSCORED, None, "cut off before it concludes")
    assert say("I cannot say.").outcome is Outcome.WRONG
    assert say("Many.").why == "names no number"


def test_one_number_has_one_canonical_form_however_written() -> None:
    assert {say(f"It is {form}.", "9 km").canonical for form in ("9", "9.0", "nine", "18/2")} == {"9"}
    assert len({say(f"It is {form}.", "7").canonical for form in ("9,000 m", "9 km", "9 kilometres")}) == 1
    asked = "How many km is it?"
    assert {say(f"It is {form}.", "7", asked).canonical for form in ("9", "9 km", "9,000 m")} == {"9"}
    assert say("It is 1/3.", "1/3").canonical == say("It is 0.333.", "1/3").canonical == "0.33"
    assert say("It is 28.50.", "7").canonical == "28.5"


@given(st.fractions(-(10**9), 10**9, max_denominator=10**6))
def test_a_written_value_reads_back_as_itself(value: Fraction) -> None:
    (found,) = find_numbers(written_value(value))
    assert found.value == value
    assert same_value(found.value, value)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_different_whole_numbers_are_never_the_same(one: int, other: int) -> None:
    assert same_value(Fraction(one), Fraction(other)) == (one == other)


@given(st.text(alphabet="0123456789,./- $½e%\u00a0onetwhd{}\\frac", max_size=40))
def test_any_text_has_its_numbers_in_order_without_overlaps(text: str) -> None:
    found = find_numbers(text)
    assert all(0 <= number.start < number.end <= len(text) for number in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
