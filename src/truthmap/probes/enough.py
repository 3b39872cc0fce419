"""Whether there are answers enough for a map, before any probe is fitted; and how many more questions it would take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from truthmap.arrays import Bools
from truthmap.errors import NotEnoughDataError
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import FEWEST, LabelledAnswers
from truthmap.records import Grade, Outcome, Split

_SURE = 0.9
"""How likely so many more questions as are named are enough, by a Poisson count."""
_STEP = 5
"""Questions are counted by so many: the number is a forecast."""
_MOST_REASONS = 3


@dataclass(frozen=True)
class Need:
    """What a part of the split needs of each outcome, and what it has."""

    where: str
    fewest: int
    right: int
    wrong: int

    @property
    def met(self) -> bool:
        """Whether it has enough."""
        return min(self.right, self.wrong) >= self.fewest

    def __str__(self) -> str:
        return f"{self.fewest} right and {self.fewest} wrong {self.where}, has {self.right} and {self.wrong}"

    def more(self, asked: int) -> int | None:
        """Return about how many more questions would do, if they are answered as the `asked` ones; `None`: unknown."""
        have = min(self.right, self.wrong)
        if not have:
            return None
        wanted = float(gammaincinv(self.fewest, _SURE))  # the mean of a count that reaches `fewest` as surely as that
        return max(1, math.ceil((wanted / have - 1) * asked / _STEP)) * _STEP


def require_enough(labels: LabelledAnswers, grades: Sequence[Grade], fewest: int = GridSettings().fewest) -> None:
    """Refuse answers that no honest map can be drawn from.

    Args:
        labels: The scored answers.
        grades: The grades of all answers.
        fewest: Answers of each outcome that a cell needs outside the test part.

    Raises:
        NotEnoughDataError: one outcome only, or too few of one outside the test part, in a fold or in the test part;
            the message says how many there are, how many are needed, and about how many questions more that takes.
    """
    right, wrong = int(labels.y.sum()), int((~labels.y).sum())
    if not right or not wrong:
        only = "all scored answers are " + ("right" if right else "wrong") if right or wrong else "no answer is scored"
        raise NotEnoughDataError(
            f"{only}: a map needs both right and wrong answers; ask {'harder' if right else 'easier or other'} "
            f"questions. {_told(grades)}"
        )
    short = [need for need in _needs(labels, fewest) if not need.met]
    if short:
        asked = len({grade.question_id for grade in grades})
        more = [need.more(asked) for need in short]
        known = [count for count in more if count is not None]
        about = f"about {max(known):,} questions more" if len(known) == len(more) else "more questions"
        raise NotEnoughDataError(
            f"too few answers for a map: it needs {'; '.join(map(str, short))}: ask {about} (a larger --limit, a "
            f"longer file). {_told(grades)}"
        )


def _needs(labels: LabelledAnswers, fewest: int) -> Iterator[Need]:
    test = np.array([split is Split.TEST for split in labels.split], dtype=bool)
    yield _need(labels, ~test, "outside the test part", max(fewest, 2 * FEWEST))
    yield _need(labels, test, "in the test part", FEWEST)
    for fold in sorted(set(labels.fold[labels.fold >= 0].tolist())):
        yield _need(labels, labels.fold == fold, f"in fold {fold}", FEWEST)


def _need(labels: LabelledAnswers, members: Bools, where: str, fewest: int) -> Need:
    y = labels.y[members]
    return Need(where, fewest, int(y.sum()), int((~y).sum()))


def _told(grades: Sequence[Grade]) -> str:
    """Return the counts of all outcomes, and the usual reasons for answers that could not be scored."""
    counts = Counter(grade.outcome for grade in grades)
    told = f"{len(grades):,} answers: " + ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in Outcome)
    reasons = Counter(grade.why for grade in grades if grade.outcome is Outcome.UNSCORED).most_common(_MOST_REASONS)
    return told + (f" ({'; '.join(f'{count:,}: {why}' for why, count in reasons)})" if reasons else "")
