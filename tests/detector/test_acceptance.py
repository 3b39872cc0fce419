"""Which answers can be accepted: what is tested is what is used."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.detector.acceptance import AllAnswers, coverage_curve, lacks_exact_answer
from truthmap.detector.config import CellAt
from truthmap.detector.guarantee import ScoredAnswers
from truthmap.positions import Position
from truthmap.records import Grade, Outcome, Span

ALL = AllAnswers(
    rows=np.array([0, 2, 4, 5]),
    right=np.array([True, False, True, True, True, False]),
    fold=np.array([0, 0, -1, -1, -1, -1]),
    group=("a", "b", "c", "c", "d", "e"),
    acceptable=np.array([True, True, True, True, False, True]),
    n_ungraded=3,
)


def test_what_cannot_be_accepted_scores_below_all() -> None:
    scores = np.array([1.0, 2.0, 3.0, 4.0])
    choosing, testing = ALL.choosing(scores), ALL.testing(scores)
    assert choosing.scores.tolist() == [1.0, -np.inf]
    # Of group c the first answer counts; that of d lacks something; e is accepted if its score is high.
    assert testing.scores.tolist() == [2.0, -np.inf, 4.0]
    assert testing.right.tolist() == [True, True, False]
    assert testing.n_ungraded == 3


def test_the_curve_covers_no_more_than_can_be_accepted() -> None:
    curve = coverage_curve(ScoredAnswers(np.array([2.0, -np.inf, 4.0]), np.array([True, True, False]), n_ungraded=2))
    assert [(p.threshold, p.coverage, p.selective_risk) for p in curve] == [(4.0, 0.2, 1.0), (2.0, 0.4, 0.5)]
    assert coverage_curve(ScoredAnswers(np.full(2, -np.inf), np.ones(2, dtype=bool))) == ()


@pytest.mark.parametrize(
    ("position", "span", "refusal", "found_right", "lacks"),
    [
        ("exact_answer_last", Span(0, 1), False, 1.0, False),
        ("exact_answer_last", None, False, 0.7, True),
        ("-1", None, False, 1.0, True),
        ("-1", None, False, 0.7, False),
        ("-1", None, True, 0.7, True),
    ],
)
def test_an_exact_answer_is_needed_where_training_answers_had_one(
    position: str, span: Span | None, refusal: bool, found_right: float, lacks: bool
) -> None:
    grade = Grade("q", Outcome.WRONG, "alias", span, "", "", "", refusal)
    cell = CellAt(layer=1, position=Position.of(position), C=1.0)
    assert lacks_exact_answer(grade, [cell], found_right) is lacks
