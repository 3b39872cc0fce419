"""Columns of saved tables in words, as a reader of the page meets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from truthmap.report.page import texts

_WORDS = {
    "auc": "AUC",
    "auc_first": "AUC of the first map",
    "auc_second": "AUC of the second map",
    "c": "C",
    "ece": "calibration error (ECE)",
    "brier": "Brier score",
    "n": "answers",
    "n_right": "right answers",
    "k": "samples",
    "first": "AUC of the first map",
    "second": "AUC of the second map",
    "p_value": "p-value",
    "p_corrected": "p-value, corrected for all cells",
    "difference": "difference in AUC",
    "minus_log_prob": "minus the AUC of the log-probability",
    "log_prob": "AUC of the log-probability",
    "error_precision": "average precision of finding errors",
    "risk_area": "area under the risk-coverage curve",
    "passes": "forward passes per answer",
    "stood_in": "answers without a score of their own",
    "validation": "AUC where chosen",
    "test": "AUC on test",
    "error": "error rate",
    "greedy_right": "greedy answers that are right",
    "probed": "answers with states",
    "within": "AUC within one question",
    "why_not": "why there is no probe",
    "converged": "converged",
    "gap": "gap to the optimum",
    "text_baseline_auc": "AUC of the text baseline",
    "within_auc": "AUC within one exact answer",
    "within_pairs": "pairs within one exact answer",
    "average_precision": "average precision",
    "closing_share": "share of closing tokens",
    "punctuation_share": "share of punctuation",
    "missing_share": "share of answers that lack it",
    "of": "kind of number",
    "probe": "the probe on the same rows",
    "left": "left above chance",
    "after": "paper",
}
_ENDS = ("_low", "_high")


@dataclass(frozen=True)
class WordedTable:
    """A table as a reader meets it: columns in words, a number and its interval in one cell."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def in_words(name: str) -> str:
    """Return a column's name in words.

    >>> in_words("p_value"), in_words("source_set")
    ('p-value', 'source set')
    """
    return _WORDS.get(name.lower(), name.replace("_", " "))


def worded(frame: pd.DataFrame) -> WordedTable:
    """Return a table with its columns in words; NAME, NAME_low and NAME_high become one column with the interval."""
    names = [str(name) for name in frame.columns]
    groups = list(_groups(names))
    heads = tuple(f"{in_words(names[each[0]])}{' [95 %]' if len(each) > 1 else ''}" for each in groups)
    rows = texts(list(frame.itertuples(index=False)))
    return WordedTable(heads, tuple(tuple(_cell([row[n] for n in each]) for each in groups) for row in rows))


def _groups(names: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Yield the places of the columns that make one: a number alone, or with the ends of its interval."""
    place = {name: n for n, name in enumerate(names)}
    inside = {f"{name}{end}" for name in names for end in _ENDS if all(f"{name}{e}" in place for e in _ENDS)}
    for name in names:
        if name not in inside:
            ends = [f"{name}{end}" for end in _ENDS]
            yield (place[name], *(place[end] for end in ends if end in inside))


def _cell(values: Sequence[str]) -> str:
    if len(values) == 1 or not values[0]:
        return values[0]
    value, low, high = (_short(each) for each in values)
    return f"{value} [{low}, {high}]"


def _short(number: str) -> str:
    try:
        return f"{float(number):.3f}"
    except ValueError:
        return number
