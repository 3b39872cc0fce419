"""What is guaranteed of thoughts that are ended early or given up, and where a sealed detector reads along them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ExitRisk(StrEnum):
    """What is bounded."""

    ENDED_WRONG = "ended_wrong"
    """The share of the ended thoughts that had named a wrong answer where they were ended."""
    RIGHT_GIVEN_UP = "right_given_up"
    """The share of the thoughts that come to a right answer, that is given up."""


class ExitGuarantee(BaseModel):
    """A bound on what ending thoughts, or giving them up, does at a threshold, and what it rests on.

    Attributes:
        risk: What is bounded.
        limit: The bound, in (0, 1).
        confidence: How sure it is, over draws of the thoughts it was tested on.
        threshold: P(right) from which on a thought is ended, or below which it is given up; `None`: no test passes.
        tested: Tested thoughts that count for the risk at the threshold.
        hits: How many of them count against it.
        upper: Exact upper bound of the risk at this one threshold (Clopper and Pearson 1934), at `confidence`.
        n: Thoughts of the test part, one of each group of questions.
    """

    model_config = _STRICT

    risk: ExitRisk
    limit: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    threshold: float | None
    tested: int = Field(ge=0)
    hits: int = Field(ge=0)
    upper: float = Field(ge=0, le=1)
    n: int = Field(ge=0)

    @property
    def sentence(self) -> str:
        """Say what is guaranteed, or that nothing is."""
        claim = {
            ExitRisk.ENDED_WRONG: f"at most {self.limit:.0%} of the ended thoughts had named a wrong answer",
            ExitRisk.RIGHT_GIVEN_UP: f"at most {self.limit:.0%} of the thoughts that come right are given up",
        }[self.risk]
        if self.threshold is None:
            return f"{claim}: not guaranteed at any threshold, by {self.n} test answers"
        side = "from" if self.risk is ExitRisk.ENDED_WRONG else "below"
        return (
            f"{claim}, with {self.confidence:.0%} confidence ({side} P(right) {self.threshold:.2f}: "
            f"{self.hits} of {self.tested})"
        )


class ExitConfig(BaseModel):
    """Where a detector reads along a thought while the model thinks, and what it does there.

    Attributes:
        tokens: Which tokens of a thought it reads, from 0, ascending.
        end: From which P(right) on the thought is ended.
        give_up: Below which P(right) it is given up.
        give_up_at: At which of the tokens.
    """

    model_config = _STRICT

    tokens: tuple[int, ...] = Field(min_length=1, max_length=1000)
    end: ExitGuarantee
    give_up: ExitGuarantee
    give_up_at: int = Field(ge=0)
