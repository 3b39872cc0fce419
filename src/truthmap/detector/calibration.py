"""From a probe's log-odds to P(wrong): a sigmoid or a step curve, and how well P(wrong) means what it says."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.special import expit

from truthmap.arrays import Floats
from truthmap.shown import ShortRepr

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Platt(BaseModel):
    """P(wrong) = 1 / (1 + exp(slope · score + intercept)), slope ≥ 0 (Platt 1999)."""

    model_config = _FROZEN

    method: Literal["platt"] = "platt"
    slope: float = Field(ge=0)
    intercept: float

    def p_wrong(self, scores: Floats) -> Floats:
        """Return P(wrong) of scores (n,): float64 (n,)."""
        return np.asarray(expit(-(self.slope * scores + self.intercept)), dtype=np.float64)


class Isotonic(ShortRepr, BaseModel):
    """P(wrong) by linear interpolation between knots, flat outside (Zadrozny and Elkan 2002).

    Attributes:
        scores: Ascending.
        values: P(wrong) at these scores, never ascending; kept off 0 and 1, which no finite sample can show.
    """

    model_config = _FROZEN

    method: Literal["isotonic"] = "isotonic"
    scores: tuple[float, ...] = Field(min_length=1, max_length=100_000)
    values: tuple[Annotated[float, Field(gt=0, lt=1)], ...]

    @model_validator(mode="after")
    def _check_knots(self) -> Isotonic:
        if len(self.scores) != len(self.values):
            raise ValueError(f"{len(self.scores)} scores, but {len(self.values)} values")
        if np.any(np.diff(self.scores) < 0) or np.any(np.diff(self.values) > 0):
            raise ValueError("scores must ascend and values must not")
        return self

    def p_wrong(self, scores: Floats) -> Floats:
        """Return P(wrong) of scores (n,): float64 (n,)."""
        return np.asarray(np.interp(scores, self.scores, self.values), dtype=np.float64)


Calibrator = Annotated[Platt | Isotonic, Field(discriminator="method")]


class ReliabilityBin(BaseModel):
    """Answers with similar scores: their mean P(wrong), and the share of them that is wrong.

    Attributes:
        n: How many answers.
        p_wrong: Their mean P(wrong).
        share_wrong: The share that is wrong.
        n_independent: How many independent answers would tell that share as well; `None`: as many as there are.
    """

    model_config = _FROZEN

    n: int
    p_wrong: float
    share_wrong: float
    n_independent: float | None = None


class Reliability(ShortRepr, BaseModel):
    """How well P(wrong) means what it says, on answers that it was not fitted to.

    Attributes:
        bins: Tenths of the answers, the lowest P(wrong) first.
        brier: Mean squared difference between P(wrong) and the outcome, in [0, 1].
        expected_calibration_error: Mean absolute difference between the two in the bins, weighted by their sizes (ECE).
        chance_calibration_error: What that would be on average if every P(wrong) were true: so few answers differ by
            chance.
    """

    model_config = _FROZEN

    bins: tuple[ReliabilityBin, ...]
    brier: float
    expected_calibration_error: float
    chance_calibration_error: float
