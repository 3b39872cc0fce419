"""Kinds of error by hand, and that every question has exactly one."""

from __future__ import annotations

from itertools import product

import pytest

from truthmap.analyses.errors.measure import ErrorType, SampleCounts, count_samples, error_type, paper_types
from truthmap.records import Answer, Grade, Outcome

RIGHT, WRONG, TWO, MANY, REFUSES = (
    ErrorType.CONSISTENTLY_RIGHT,
    ErrorType.CONSISTENTLY_WRONG,
    ErrorType.TWO_COMPETING,
    ErrorType.MANY_DIFFERENT,
    ErrorType.REFUSES,
)


def counts(right: int = 0, *wrong: int, refused: int = 0, unscored: int = 0) -> SampleCounts:
    return SampleCounts(right + sum(wrong) + refused, unscored, right, refused, tuple(sorted(wrong, reverse=True)))


@pytest.mark.parametrize(
    ("of", "kind"),
    [
        (counts(30), RIGHT),
        (counts(15, 9, 6), RIGHT),
        (counts(14, 8, 8), MANY),
        (counts(0, 30), WRONG),
        (counts(3, 15, 12), WRONG),
        (counts(15, 15), TWO),
        (counts(10, 15, 5), TWO),
        (counts(9, 15, 6), WRONG),
        (counts(6, 6, 3, 3, 3, 3, 3, 3), TWO),
        (counts(5, 5, 5, 5, 5, 5), MANY),
        (counts(0, 14, 8, 8), MANY),
        (counts(0, 15, refused=15), REFUSES),
        (counts(16, refused=14), RIGHT),
        (counts(1), RIGHT),
        (counts(5, 0, unscored=5), RIGHT),
        (counts(3, 1, 1, refused=1, unscored=4), MANY),
        (counts(0, 4, 2, unscored=4), MANY),
        (counts(0, refused=4, unscored=4), REFUSES),
        (counts(1, 1, unscored=2), TWO),
        (counts(1, 1, 1, 1, unscored=4), MANY),
        (counts(4, 0, unscored=6), None),
        (counts(unscored=10), None),
    ],
)
def test_types_by_hand(of: SampleCounts, kind: ErrorType | None) -> None:
    assert error_type(of) == kind


def test_every_question_with_enough_scored_samples_has_one_type() -> None:
    every = (
        counts(right, *(c for c in (first, second) if c), refused=refused, unscored=unscored)
        for right, first, second, refused, unscored in product(range(6), repeat=5)
    )
    seen = {error_type(of) for of in every if of.scored and of.scored >= of.unscored}
    assert seen == set(ErrorType)  # and never None


@pytest.mark.parametrize(
    ("of", "kinds"),
    [
        (counts(30), {RIGHT}),
        (counts(29, 1), {RIGHT}),
        (counts(15, 15), {RIGHT, WRONG, TWO}),
        (counts(0, 30), {WRONG}),
        (counts(10, 8, 7, 5), {TWO}),
        (counts(0, *[3] * 10), {MANY}),
        (counts(3, *[3] * 9), {MANY}),
        (counts(0, *[3] * 9, refused=3), {MANY, REFUSES}),
        (counts(16, refused=14), {RIGHT, TWO}),
        (counts(0, 10, 5, refused=15), {REFUSES}),
        (counts(14, 16), {WRONG, TWO}),
        (counts(18, unscored=12), set()),
        (counts(20, unscored=10), set()),
        (counts(17, 1, unscored=12), {RIGHT}),
        (counts(14, unscored=16), set()),
        (counts(0, 1), {WRONG, MANY}),
    ],
)
def test_the_papers_types_overlap(of: SampleCounts, kinds: set[ErrorType]) -> None:
    assert paper_types(of) == kinds


def sample(number: int, canonical: str, outcome: Outcome, *, refusal: bool = False) -> tuple[Answer, Grade]:
    answer = Answer("q", (1,), (2,), canonical, (-1.0,), ((0, 1),), finished=True, sample=number)
    return answer, Grade("q", outcome, "candidates", None, canonical, canonical, "", refusal, number)


def test_samples_are_grouped_by_what_they_say() -> None:
    pairs = [
        sample(1, "Iran", Outcome.RIGHT),
        sample(2, "Persia", Outcome.RIGHT),
        sample(3, "Chile", Outcome.WRONG),
        sample(4, "CHILE", Outcome.WRONG),
        sample(5, "Peru", Outcome.WRONG),
        sample(6, "", Outcome.WRONG, refusal=True),
        sample(7, "", Outcome.UNSCORED),
    ]
    assert count_samples(pairs) == SampleCounts(6, 1, 2, 1, (2, 1))
