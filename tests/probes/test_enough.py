"""What a map needs, in counts, before anything is fitted; and how many more questions it would take."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson
from tests.probes.test_labels import dealt

from truthmap.errors import NotEnoughDataError
from truthmap.probes.enough import Need, require_enough
from truthmap.probes.grid_settings import GridSettings
from truthmap.records import Grade, Outcome


def test_counts_say_what_is_needed_and_how_many_more_questions() -> None:
    labels, grades = dealt((8, 5), (8, 4), (5, 6))
    unscored = [Grade(f"u{n}", Outcome.UNSCORED, "alias", None, "", "", "names nothing") for n in range(4)]
    with pytest.raises(NotEnoughDataError) as caught:
        require_enough(labels, [*grades, *unscored])
    assert str(caught.value) == (
        "too few answers for a map: it needs 10 right and 10 wrong outside the test part, has 16 and 9: ask about 25 "
        "questions more (a larger --limit, a longer file). 40 answers: 21 right, 15 wrong, 4 unscored "
        "(4: names nothing)"
    )


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        (((9, 20), (9, 20), (9, 0)), "2 right and 2 wrong in the test part, has 9 and 0: ask more questions"),
        (((1, 30), (30, 1), (9, 1)), r"in the test part, has 9 and 1; 2 right and 2 wrong in fold 0, has 1 and 30"),
        (((0, 30), (0, 1), (0, 5)), "all scored answers are wrong: .* ask easier or other questions"),
        (((3, 0), (3, 0), (5, 0)), "all scored answers are right: .* ask harder questions"),
        (((0, 0), (0, 0), (0, 0)), "no answer is scored"),
    ],
)
def test_each_part_that_lacks_answers_is_named(folds: tuple[tuple[int, int], ...], said: str) -> None:
    labels, grades = dealt(*folds)
    with pytest.raises(NotEnoughDataError, match=said):
        require_enough(labels, grades, fewest=1)


@pytest.mark.parametrize(("fewest", "have", "asked"), [(10, 9, 40), (10, 2, 60), (2, 1, 30), (10, 5, 1000)])
def test_so_many_more_questions_are_nearly_always_enough(fewest: int, have: int, asked: int) -> None:
    need = Need("there", fewest, have, have + 5)
    more = need.more(asked)
    assert more is not None
    # A reference of its own: the number of answers of an outcome that comes at this rate is a Poisson count.
    reaches = [1 - poisson.cdf(fewest - 1, have / asked * (asked + extra)) for extra in (more - 5, more)]
    assert reaches[0] <= 0.9 <= reaches[1]


def test_a_cell_needs_what_the_grid_asks_for() -> None:
    labels, grades = dealt((6, 6), (6, 6), (3, 3))
    require_enough(labels, grades, GridSettings().fewest)
    with pytest.raises(NotEnoughDataError, match="needs 13 right and 13 wrong outside the test part, has 12 and 12"):
        require_enough(labels, grades, 13)
    assert np.all(labels.of(test=True).fold == -1)
