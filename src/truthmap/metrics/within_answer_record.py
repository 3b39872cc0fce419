"""The record of what the best cell tells among answers that say the same; reading one loads no statistics."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from truthmap.metrics.estimate import Estimate


class WithinAnswer(BaseModel):
    """How well right and wrong answers of the test part that have the same exact answer are told apart.

    Who knows no more than which answers tend to be right gets 0.5 here.

    Attributes:
        probe: The best cell's AUC over all such pairs, n of them, with its interval by question.
        probe_mean: The mean of its AUCs over the exact answers, each counting alike: few of them make most pairs.
        text: The best text baseline's AUC over the same pairs; `None` where it was not measured.
        text_mean: The mean of its AUCs over the exact answers.
        exact_answers: How many exact answers have pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probe: Estimate
    probe_mean: float
    text: Estimate | None
    text_mean: float | None
    exact_answers: int
