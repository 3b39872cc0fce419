"""The simulations of `make simulate`, with few draws: nothing is far from what it should be."""

from __future__ import annotations

import pytest
from simulations.__main__ import table, with_table
from simulations.data import Population, auc_of
from simulations.result import Result, Wanted

from simulations import intervals, maps, promises, resampling


@pytest.mark.slow
@pytest.mark.parametrize("part", [intervals, resampling, promises, maps], ids=lambda part: part.__name__)
def test_nothing_is_far_from_what_it_should_be(part) -> None:
    missed = [result.row for result in part.run(30) if not result.holds(room=0.04)]
    assert missed == []


@pytest.mark.parametrize("levels", [0, 3])
def test_the_populations_have_the_auc_that_is_said(levels: int) -> None:
    drawn = Population(4000, shift=1.0, levels=levels).draw(0)
    right, wrong = drawn.scores[drawn.y], drawn.scores[~drawn.y]
    pairs = (right[:, None] > wrong) + 0.5 * (right[:, None] == wrong)
    assert pairs.mean() == pytest.approx(auc_of(1.0, levels), abs=0.02)


def test_a_rate_is_held_against_what_is_wanted() -> None:
    covered = Result.of("x", "y", Wanted.COVERAGE, [True] * 90 + [False] * 10)
    assert not covered.holds(room=0.0) or covered.error > 0.016
    assert not Result.of("x", "y", Wanted.COVERAGE, [True] * 80 + [False] * 20).holds()
    assert not Result.of("x", "y", Wanted.LEVEL, [True] * 30 + [False] * 70).holds()
    assert Result.of("x", "y", Wanted.LEVEL, [False] * 100).holds()


def test_the_table_takes_the_place_of_the_former_one() -> None:
    result = Result.of("x", "y", Wanted.LEVEL, [False] * 100)
    page = with_table("a\n<!-- table -->\nold\n<!-- /table -->\nb\n", table([result], 100, 60))
    assert "old" not in page
    assert "python -m simulations 100" in page
    assert page.startswith("a\n")
    assert page.endswith("b\n")
