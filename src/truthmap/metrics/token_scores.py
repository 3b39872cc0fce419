"""What the model's own confidence says of an answer, without any training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from truthmap.records import Answer, Span


class Digest(NamedTuple):
    """Four ways to sum up a number per token; NaN without tokens."""

    mean: float
    total: float
    lowest: float
    last: float


def mean_log_prob(answer: Answer) -> float:
    """Return the mean natural log-probability of the answer's tokens, the closing token included; NaN without any.

    This is the length-normalised sequence log-probability of Malinin and Gales, "Uncertainty Estimation in
    Autoregressive Structured Prediction" (arXiv 2002.07650).
    """
    return math.fsum(answer.log_probs) / len(answer.log_probs) if answer.log_probs else math.nan


def digest(values: Sequence[float], tokens: Span | None = None) -> Digest:
    """Sum up what is known of each token of an answer.

    Of log-probabilities, `total` is the sequence's log-probability, `mean` the length-normalised one (Malinin and
    Gales, arXiv 2002.07650), `lowest` that of the least likely token (Manakul et al., "SelfCheckGPT", arXiv
    2303.08896), `last` that of the last token.

    Args:
        values: A number per answer token.
        tokens: Which of them to look at, as of the exact answer; by default all.
    """
    chosen = values if tokens is None else values[tokens.start : tokens.end]
    if not chosen:
        return Digest(math.nan, math.nan, math.nan, math.nan)
    total = math.fsum(chosen)
    return Digest(total / len(chosen), total, min(chosen), chosen[-1])
