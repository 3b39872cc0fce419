"""What the audit of a run's grades found."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from truthmap.metrics.estimate import Estimate
from truthmap.shown import ShortRepr


class Located(BaseModel):
    """Where the exact answers of one outcome stand.

    Attributes:
        n: Answers of this outcome.
        found: Of them, those with an exact answer.
        start: Mean index of the exact answer's first token in the answer; `None` where none was found.
        length: Mean number of its tokens.
        answer_length: Mean number of tokens of the answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    found: int
    start: float | None
    length: float | None
    answer_length: float | None

    @property
    def rate(self) -> float:
        """The share in which an exact answer was found; 0 where there are no answers."""
        return self.found / self.n if self.n else 0.0


class Audit(ShortRepr, BaseModel):
    """The audit of a run's grades.

    Attributes:
        right, wrong: Where the exact answers of each outcome stand; refusals count as wrong.
        refusals: Wrong answers that decline to answer.
        unscored: Reason → answers that could not be graded.
        place: AUC of a classifier that sees only whether an exact answer was found, where it begins and how long it is;
            `None` with fewer than 10 answers of either outcome.
        agreeing: Of the right answers with an exact answer, those whose exact answer says an accepted one.
        compared: How many right answers that was asked of.
        warnings: What a reader should know before trusting the map.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    right: Located
    wrong: Located
    refusals: int
    unscored: dict[str, int]
    place: Estimate | None
    agreeing: int
    compared: int
    warnings: tuple[str, ...]
