"""Guarantees of ending thoughts and of giving them up: on thoughts of which all is known."""

from __future__ import annotations

import numpy as np
import pytest
from simulations.promises import exit_broken
from simulations.thoughts import draw_thoughts, right_given_up, wrong_among_ended

from truthmap.analyses.early_exit.guarantee import guarantee_ending, guarantee_giving_up
from truthmap.analyses.early_exit.measure import exit_point, giving_up
from truthmap.errors import UsageError

TRUTH = draw_thoughts(2000, seed=99)


@pytest.mark.parametrize("ending", [True, False])
def test_guarantees_of_early_exits_break_seldom(ending: bool) -> None:
    assert sum(exit_broken(TRUTH, k, ending=ending) for k in range(20)) <= 4  # 5 % of the draws may


def test_the_guarantee_counts_what_it_is_about() -> None:
    choosing, testing = draw_thoughts(300, 1), draw_thoughts(200, 2)
    end, up = guarantee_ending(choosing, testing, 0.2), guarantee_giving_up(choosing, testing, 2, 0.2)
    assert end.threshold is not None
    assert up.threshold is not None
    assert end.hits / end.tested == pytest.approx(wrong_among_ended(testing, end.threshold))
    assert up.hits / up.tested == pytest.approx(right_given_up(testing, 2, up.threshold))
    assert max(end.upper, up.upper) <= 0.2
    assert "at most 20% of the ended thoughts had named a wrong answer, with 95% confidence" in end.sentence


def test_what_cannot_be_guaranteed_is_not() -> None:
    choosing, testing = draw_thoughts(300, 1, signal=0.0), draw_thoughts(200, 2, signal=0.0)
    found = guarantee_ending(choosing, testing, 0.05)
    assert found.threshold is None
    assert found.sentence.endswith("not guaranteed at any threshold, by 200 test answers")
    with pytest.raises(UsageError, match="limit and confidence must lie between 0 and 1"):
        guarantee_ending(choosing, testing, 1.0)


def test_answers_of_one_group_count_once() -> None:
    choosing, testing = draw_thoughts(300, 1), draw_thoughts(200, 2)
    testing.group[:] = [f"g{n // 4}" for n in range(200)]  # type: ignore[index]
    assert guarantee_ending(choosing, testing, 0.2).n == 50


def test_what_an_exit_saves_is_what_was_not_written() -> None:
    known = draw_thoughts(100, 3)
    point = exit_point(known, 0.0, known.may_end(0.0))
    ends = [next(k for k in range(4) if not np.isnan(now[k])) for now in known.right_now]
    assert point.saved.value == pytest.approx(1 - sum([4, 12, 20, 40][k] for k in ends) / 4000)
    given = giving_up(known, 2, 0.5)
    assert given is not None
    below = (known.p_right[:, :3] < 0.5).all(axis=1)
    assert given.given_up.value == pytest.approx(below.mean())
    assert given.wrong.value == pytest.approx(1 - known.right[below].mean())
    assert given.saved.value == pytest.approx(below.mean() / 2)
    assert given.accuracy.value == pytest.approx(known.right[~below].mean())
    assert giving_up(known, 2, 0.0) is None
