from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from truthmap.grading.audit import Judged, audit_grades
from truthmap.grading.audit_record import Audit
from truthmap.records import Answer, Grade, Outcome, Question, Span

WORDS = 12


def judged(
    number: int, outcome: Outcome, place: int | None, why: str = "", exact: str = "x", refusal: bool = False
) -> Judged:
    """A graded answer of twelve tokens of one letter and a blank each, its exact answer one token at `place`."""
    span = None if place is None else Span(2 * place, 2 * place + 1)
    offsets = tuple((2 * n, 2 * n + 2) for n in range(WORDS))
    name = f"q{number}"
    answer = Answer(name, (1,), tuple(range(WORDS)), "x " * WORDS, (), offsets, True)
    grade = Grade(name, outcome, "alias", span, "" if span is None else exact, exact, why, refusal)
    return Question(name, f"What is {number}?", ("x",)), answer, grade


def audit(right: Callable[[int], int | None], wrong: Callable[[int], int | None], n: int = 100) -> Audit:
    return audit_grades(
        [judged(i, Outcome.RIGHT, right(i)) for i in range(n)]
        + [judged(n + i, Outcome.WRONG, wrong(i)) for i in range(n)]
    )


def test_found_rates_places_and_lengths_are_told_by_outcome() -> None:
    found = audit(lambda i: 4, lambda i: 6 if i % 2 else None)
    assert (found.right.found, found.right.rate, found.right.start, found.right.length) == (100, 1.0, 4.0, 1.0)
    assert (found.wrong.found, found.wrong.rate, found.wrong.start, found.wrong.answer_length) == (50, 0.5, 6.0, 12.0)


def test_places_of_one_distribution_tell_nothing() -> None:
    found = audit(lambda i: i % 7, lambda i: i % 7)
    assert found.place is not None
    assert found.place.low < 0.5 < found.place.high
    assert found.warnings == ()


def test_places_that_differ_by_outcome_are_warned_of_with_their_auc() -> None:
    dice = np.random.default_rng(0)
    right, wrong = dice.integers(0, 6, 100).tolist(), dice.integers(3, 9, 100).tolist()
    found = audit(right.__getitem__, wrong.__getitem__)
    assert found.place is not None
    ideal = roc_auc_score([1] * 100 + [0] * 100, [-place for place in [*right, *wrong]])
    assert found.place.value == pytest.approx(ideal, abs=0.05)
    assert any(
        "where the exact answer stands and how long it is tells right from wrong" in warning
        for warning in found.warnings
    )


def test_found_rates_that_differ_beyond_chance_are_warned_of() -> None:
    assert any(
        "is found in 100% of the right and 70% of the wrong" in w
        for w in audit(lambda i: 3, lambda i: None if i % 10 < 3 else 3).warnings
    )
    assert audit(lambda i: 3, lambda i: None if i < 1 else 3, n=4).warnings == ()


def test_few_answers_of_an_outcome_have_no_auc_of_their_place() -> None:
    assert audit(lambda i: 3, lambda i: 4, n=9).place is None


def test_unscored_answers_are_counted_by_reason_and_refusals_apart() -> None:
    found = audit_grades(
        [
            judged(0, Outcome.UNSCORED, None, "the answer is empty"),
            judged(1, Outcome.UNSCORED, None, "names no candidate"),
            judged(2, Outcome.UNSCORED, None, "names no candidate"),
            judged(3, Outcome.WRONG, None, "declines to answer", refusal=True),
        ]
    )
    assert found.unscored == {"names no candidate": 2, "the answer is empty": 1}
    assert (found.refusals, found.wrong.n, found.right.n) == (1, 1, 0)


def test_another_exact_answer_does_not_agree_with_the_accepted() -> None:
    found = audit_grades(
        [judged(0, Outcome.RIGHT, 1), judged(1, Outcome.RIGHT, 1, exact="y"), judged(2, Outcome.RIGHT, None)]
    )
    assert (found.agreeing, found.compared) == (1, 2)


def test_an_audit_of_nothing_is_empty() -> None:
    found = audit_grades([])
    assert (found.right.n, found.place, found.warnings) == (0, None, ())
