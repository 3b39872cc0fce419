"""What the model's own confidence says of an answer, without any training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from truthmap.records import Answer, Span


@dataclass(frozen=True)
class TokenSummary:
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
    return summarize_tokens(answer.log_probs).mean


def summarize_tokens(values: Sequence[float], tokens: Span | None = None) -> TokenSummary:
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
        return TokenSummary(math.nan, math.nan, math.nan, math.nan)
    total = math.fsum(chosen)
    return TokenSummary(total / len(chosen), total, min(chosen), chosen[-1])
