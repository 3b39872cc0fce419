"""Confidences that need no training, as formulas.

From samples: how many agree with the answer, and over how many classes they spread. From the model asked again: the
prompts, and what to make of its replies.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

TRUE_FIRST = ("True", "False")
FALSE_FIRST = ("False", "True")

_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*(%|percent|/\s*100)?")


def self_consistency(answer: int, samples: Sequence[int]) -> float:
    """Return the share of samples that say the same as the answer, in [0, 1]; NaN without samples.

    The vote of Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language Models"
    (arXiv 2203.11171), taken as a confidence.

    Args:
        answer: The answer's equivalence class.
        samples: The samples' equivalence classes.
    """
    return samples.count(answer) / len(samples) if samples else math.nan


def semantic_entropy(samples: Sequence[int]) -> float:
    """Return the entropy of the samples' equivalence classes by their frequency, in nats; NaN without samples.

    Discrete semantic entropy of Farquhar et al., "Detecting hallucinations in large language models using semantic
    entropy" (Nature 2024): -Σ p log p over classes, p the share of the samples in a class.
    """
    if not samples:
        return math.nan
    shares = [count / len(samples) for count in Counter(samples).values()]
    return _entropy(shares)


def weighted_semantic_entropy(samples: Sequence[int], log_probs: Sequence[float]) -> float:
    """Return the entropy of the samples' equivalence classes by their probability, in nats; NaN without samples.

    Kuhn, Gal and Farquhar, "Semantic Uncertainty" (arXiv 2302.09664), normalised as in Farquhar et al. (Nature 2024):
    a class has the summed length-normalised probability of its samples, divided by the sum over all samples.

    Args:
        samples: The samples' equivalence classes.
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


def true_or_false_prompt(question: str, answer: str, choices: tuple[str, str]) -> str:
    """Return the prompt that asks whether an answer is true, with the choices in the order given.

    After "p(True)" of Kadavath et al., "Language Models (Mostly) Know What They Know" (arXiv 2207.05221).
    """
    first, second = choices
    return (
        f"Question: {question}\nProposed answer: {answer.strip()}\nIs the proposed answer true or false?\n"
        f"(A) {first}\n(B) {second}\nReply with the letter only."
    )


def probability_true(true_first: tuple[float, float], false_first: tuple[float, float]) -> float:
    """Return p(True), the mean over both orders of the choices: a liking for a letter cancels.

    Args:
        true_first: Natural log-probabilities of the letters A and B where A says True.
        false_first: The same where A says False.
    """
    return (_share(true_first[0], true_first[1]) + _share(false_first[1], false_first[0])) / 2


def percent_prompt(question: str, answer: str) -> str:
    """Return the prompt that asks for a verbalized confidence.

    One number, as in Tian et al., "Just Ask for Calibration" (arXiv 2305.14975).
    """
    return (
        f"Question: {question}\nProposed answer: {answer.strip()}\n"
        "How likely is it that the proposed answer is right? Reply with one number from 0 to 100, in percent."
    )


def read_percent(reply: str) -> float | None:
    """Return the probability that a reply names first, or `None` if it names none between 0 and 100.

    A fraction without a sign of percent ("0.85") is taken as it stands.

    >>> read_percent("I am 85% sure."), read_percent("0.85"), read_percent("Very likely.")
    (0.85, 0.85, None)
    """
    for number, percent in _NUMBER.findall(reply):
        value = float(number)
        if not percent and "." in number and value <= 1:
            return value
        if value <= 100:
            return value / 100
    return None


def _share(log_prob: float, other: float) -> float:
    return 1 / (1 + math.exp(min(other - log_prob, 700.0)))


def _entropy(shares: Sequence[float]) -> float:
    return abs(math.fsum(-share * math.log(share) for share in shares if share > 0))
