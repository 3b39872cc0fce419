"""What the words on the page mean, for a reader who meets them for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "AUC": "of a right and a wrong answer drawn at random, how often the right one has the higher score: "
        "0.5 is chance, 1.0 perfect",
        "[low, high]": "the 95 % interval: what the number could be with other questions of the same kind",
        "layer, token, cell": "a cell is one place of the map: the state that one layer holds at one token",
        "probe": "the linear classifier of one cell, which reads the state there and predicts whether the answer is "
        "right",
        "exact answer": "the shortest piece of the answer that carries it",
        "unscored": "could not be graded; left out, never counted as wrong",
        "cross-validated": "each answer is scored by a probe that did not learn from it, on the questions on which "
        "everything is chosen",
        "on test": "on questions that chose nothing, used once",
        "corrected p-value": "how often shuffled labels reach as much anywhere on the map; above 0.05 nothing is shown",
        "text baseline": "a classifier that reads every word that was said and asked, and no hidden state",
        "free score": "what comes with an answer anyway: sums of the log-probabilities of its tokens",
        "paired difference": "the difference of two numbers on the very same answers; where its interval holds 0, "
        "neither is shown to be better",
    }
)
"""Word → meaning; docs/glossary.md has all of them."""
