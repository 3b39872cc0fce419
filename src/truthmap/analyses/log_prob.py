"""What the model's own confidence says of an answer, without any training."""

from __future__ import annotations

import math

from truthmap.records import Answer


def mean_log_prob(answer: Answer) -> float:
    """Give the mean natural log-probability of the answer's tokens, the closing token included; NaN without any.

    This is the length-normalised sequence log-probability of Malinin and Gales, "Uncertainty Estimation in
    Autoregressive Structured Prediction" (arXiv 2002.07650).
    """
    return math.fsum(answer.log_probs) / len(answer.log_probs) if answer.log_probs else math.nan
