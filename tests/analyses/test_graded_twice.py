"""What two gradings of the same answers say, on drawn scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from truthmap.analyses.audit.graded_twice import auc_twice
from truthmap.records import RowKey


def drawn(n: int, flipped: float, seed: int = 0) -> tuple[dict[RowKey, float], dict[RowKey, tuple[bool, bool]]]:
    """Draw scores that tell right from wrong, and a second grader who errs on a share of the answers."""
    rng = np.random.default_rng(seed)
    rows = [RowKey.of(f"q{n}", 0) for n in range(n)]
    first = rng.random(n) < 0.5
    second = first ^ (rng.random(n) < flipped)
    scores = first + rng.normal(size=n)
    return (
        dict(zip(rows, scores.tolist(), strict=True)),
        {row: (bool(a), bool(b)) for row, a, b in zip(rows, first, second, strict=True)},
    )


def own_groups(right: dict[RowKey, tuple[bool, bool]]) -> dict[str, str]:
    return {row.question_id: row.question_id for row in right}


def test_the_aucs_are_scikit_learns() -> None:
    scores, right = drawn(300, 0.2)
    found = auc_twice(scores, right, own_groups(right), "test")
    assert found is not None
    values = np.array(list(scores.values()))
    one, other = np.array(list(right.values())).T
    assert found.first.value == pytest.approx(roc_auc_score(one, values), abs=1e-6)
    assert found.second.value == pytest.approx(roc_auc_score(other, values), abs=1e-6)
    assert found.difference.value == pytest.approx(found.second.value - found.first.value)
    assert found.agreeing is not None
    both = one == other
    assert found.agreeing.value == pytest.approx(roc_auc_score(one[both], values[both]), abs=1e-6)
    assert (found.first.n, found.agreeing.n) == (300, both.sum())


def test_the_same_grades_change_nothing() -> None:
    scores, right = drawn(120, 0.0)
    found = auc_twice(scores, right, own_groups(right), "test")
    assert found is not None
    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
    assert found.agreeing == found.first


def test_errors_without_regard_to_the_score_pull_to_chance() -> None:
    scores, right = drawn(2000, 0.25, seed=1)
    found = auc_twice(scores, right, own_groups(right), "test")
    assert found is not None
    assert found.second.value - 0.5 == pytest.approx((found.first.value - 0.5) / 2, abs=0.03)
    assert found.difference.excludes_zero


def test_only_answers_that_both_score_and_have_a_score_count() -> None:
    scores, right = drawn(100, 0.2)
    rows = list(scores)
    less = {row: score for row, score in scores.items() if row != rows[0]} | {rows[1]: float("nan")}
    found = auc_twice(less, {row: right[row] for row in rows[:90]}, own_groups(right), "test")
    assert found is not None
    assert found.first.n == 88


@pytest.mark.parametrize("second", [True, False])
def test_one_outcome_alone_has_no_auc(second: bool) -> None:
    scores, right = drawn(50, 0.0)
    assert auc_twice(scores, {row: (one, second) for row, (one, _) in right.items()}, own_groups(right), "test") is None
    assert auc_twice({}, {}, {}, "test") is None


def test_graders_who_agree_on_one_outcome_only_leave_it_out() -> None:
    scores, right = drawn(60, 0.0)
    opposed = {row: (one, not one) for row, (one, _) in right.items()}
    found = auc_twice(scores, opposed, own_groups(right), "test")
    assert found is not None
    assert found.agreeing is None
    assert found.first.value + found.second.value == pytest.approx(1)
