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

_NUMBER = r"(?<![\w.,])\d{1,20}(?:\.\d{1,20})?(?![\w]|[.,]\d)"
_GAP = r"\s{0,8}"  # bounded, as digits are: a reply may be nothing but blanks
_RANGE = re.compile(  # a scale that is named, not a number on it: "from 0 to 100", "between 0 and 1", "0-100 scale"
    rf"(?:\bfrom\s{{1,8}}|\bbetween\s{{1,8}})?(?P<low>{_NUMBER}){_GAP}%?{_GAP}(?:to|and|-|–){_GAP}"
    rf"(?P<high>{_NUMBER}){_GAP}(?:%|percent\b)?",
    re.IGNORECASE,
)
_SHARE = re.compile(rf"(?P<part>{_NUMBER}){_GAP}(?:/|\bout\s{{1,8}}of\b){_GAP}(?P<whole>{_NUMBER})", re.IGNORECASE)
_PERCENT = re.compile(rf"(?P<number>{_NUMBER}){_GAP}(?P<sign>%|percent\b|per\s{{1,8}}cent\b)?", re.IGNORECASE)
_LOWEST, _HIGHEST = (0.0, 1.0), (1.0, 5.0, 10.0, 100.0)  # the ends of the scales that people name


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


def likelihood_semantic_entropy(samples: Sequence[int], log_probs: Sequence[float]) -> float:
    """Return the entropy of the samples' equivalence classes by their likelihood, in nats; NaN without samples.

    Semantic entropy as Farquhar et al. (Nature 2024) estimate it: a class has the summed length-normalised likelihood
    of its samples, divided by the sum over all samples.

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

    A scale that is named ("on a scale from 0 to 10") is no answer on it, but what the answer is out of. "8/10" and "9
    out of 10" are shares, "80-90 %" stands for its middle, and a fraction without a sign of percent ("0.85") is taken
    as it stands.

    >>> read_percent("I am 85% sure."), read_percent("0.85"), read_percent("Very likely.")
    (0.85, 0.85, None)
    >>> read_percent("On a scale from 0 to 100, I would say 90."), read_percent("8/10")
    (0.9, 0.8)
    """
    scales = [float(match["high"]) for match in _RANGE.finditer(reply) if _is_scale(match)]
    said = _SHARE.sub(_in_percent, _RANGE.sub(_without_scale, reply))
    for match in _PERCENT.finditer(said):
        number = float(match["number"])
        whole = 100.0 if match["sign"] or not scales else scales[0]
        if not match["sign"] and "." in match["number"] and number <= 1:
            return number
        if number <= whole:
            return number / whole
    return None


def _is_scale(match: re.Match[str]) -> bool:
    return float(match["low"]) in _LOWEST and float(match["high"]) in _HIGHEST


def _without_scale(match: re.Match[str]) -> str:
    """Blank out a scale; another range stands for its middle."""
    low, high = float(match["low"]), float(match["high"])
    if _is_scale(match):
        return " "
    return f" {(low + high) / 2 * (100 if high <= 1 else 1):g}% " if low < high <= 100 else match[0]


def _in_percent(match: re.Match[str]) -> str:
    """Write a share in percent; what is none ("24/7") is blanked out."""
    part, whole = float(match["part"]), float(match["whole"])
    return f" {100 * part / whole:g}% " if 2 <= whole <= 100 and part <= whole else " "


def _share(log_prob: float, other: float) -> float:
    return 1 / (1 + math.exp(min(other - log_prob, 700.0)))


def _entropy(shares: Sequence[float]) -> float:
    return abs(math.fsum(-share * math.log(share) for share in shares if share > 0))
