"""What several samples of one question say of its answer: how many agree, and over how many meanings they spread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence


def self_consistency(meaning: int, samples: Sequence[int]) -> float:
    """Return the share of samples that say the same as the answer, in [0, 1]; NaN without samples.

    The vote of Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language Models"
    (arXiv 2203.11171), taken as a confidence.

    Args:
        meaning: The answer's class of meaning.
        samples: The samples' classes of meaning.
    """
    return samples.count(meaning) / len(samples) if samples else math.nan


def semantic_entropy(samples: Sequence[int]) -> float:
    """Return the entropy of the samples' classes of meaning by their frequency, in nats; NaN without samples.

    Discrete semantic entropy of Farquhar et al., "Detecting hallucinations in large language models using semantic
    entropy" (Nature 2024): -Σ p log p over classes, p the share of the samples in a class.
    """
    if not samples:
        return math.nan
    shares = [count / len(samples) for count in Counter(samples).values()]
    return _entropy(shares)


def weighted_semantic_entropy(samples: Sequence[int], log_probs: Sequence[float]) -> float:
    """Return the entropy of the samples' classes of meaning by their probability, in nats; NaN without samples.

    Kuhn, Gal and Farquhar, "Semantic Uncertainty" (arXiv 2302.09664), normalised as in Farquhar et al. (Nature 2024):
    a class has the summed length-normalised probability of its samples, divided by the sum over all samples.

    Args:
        samples: The samples' classes of meaning.
        log_probs: The samples' length-normalised log-probabilities.
    """
    if not samples:
        return math.nan
    highest = max(log_probs)
    mass: dict[int, float] = {}
    for sample, log_prob in zip(samples, log_probs, strict=True):
        mass[sample] = mass.get(sample, 0.0) + math.exp(log_prob - highest)
    total = math.fsum(mass.values())
    return _entropy([share / total for share in mass.values()])


def _entropy(shares: Sequence[float]) -> float:
    return abs(math.fsum(-share * math.log(share) for share in shares if share > 0))
