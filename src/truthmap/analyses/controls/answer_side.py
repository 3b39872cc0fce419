"""How much of the AUC is in the words of the answer alone: some answers are right more often, whoever gives them.

"PARALLAX: Separating Genuine Hallucination Detection from Benchmark Construction Artifacts" (Hussain and Kantarcioglu,
arXiv 2605.17028) shows that a baseline that compares texts explains much of what detectors report. Here readers that
see the exact answer and no hidden state stand against the probe: its words, how often the same answer is given, how
often it was right where it was given, and its sentence embedding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.readers import (
    OtherReader,
    embedding_facts,
    embedding_reader,
    held_against,
    read_by_others,
    words_reader,
)
from truthmap.metrics.auc import auc_values
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.text_features import TextPart
from truthmap.records import RowKey

_PRIOR = 2.0
"""Answers of the average outcome that stand in where an answer was given rarely."""


def measure_answer_side(context: ControlContext) -> ControlResult:
    """Hold the probe against readers of the exact answer's text alone."""
    readings = read_by_others(context, list(_readers(context)))
    return held_against(
        readings, "The exact answer's text alone", "which answers tend to be right", embedding_facts(context)
    )


def _readers(context: ControlContext) -> Iterator[OtherReader]:
    yield words_reader(context, TextPart.EXACT_ANSWER, "the exact answer's words")
    yield popularity_reader(context.seen, context.tested)
    yield usual_outcome_reader(context.seen, context.tested)
    said = dict(zip(context.texts.ids, context.texts.exact_answer, strict=True))
    embedded = embedding_reader(context, "embedding of the answer", said)
    if embedded is not None:
        yield embedded


def popularity_reader(seen: LabelledAnswers, tested: LabelledAnswers) -> OtherReader:
    """Return how often the same answer is given in train + validation, counted up or down as suits these rows better.

    A row of them does not count itself; answers without an exact answer are one kind of answer.
    """
    given = Counter(seen.canonical)
    own = np.log1p([given[said] - 1 for said in seen.canonical])
    up = not _both(seen) or auc_values(own[None], seen.y)[0] >= 0.5
    sign = 1.0 if up else -1.0
    there = np.log1p([given[said] for said in tested.canonical])
    name = "how often it is given" if up else "how seldom it is given"
    return OtherReader(
        name,
        dict(zip(seen.ids, (sign * own).tolist(), strict=True)),
        dict(zip(tested.ids, (sign * there).tolist(), strict=True)),
    )


def usual_outcome_reader(seen: LabelledAnswers, tested: LabelledAnswers) -> OtherReader:
    """Return the share of right ones where the same answer was given in train + validation; a row's own fold left out.

    Answers that were given rarely are drawn to the average.
    """
    own: dict[RowKey, float] = {}
    for fold in np.unique(seen.fold):
        out = seen.fold == fold
        own.update(_usual(seen.take(~out), seen.take(out)))
    return OtherReader("its usual outcome", own, _usual(seen, tested))


def _usual(seen: LabelledAnswers, rows: LabelledAnswers) -> dict[RowKey, float]:
    given = Counter(seen.canonical)
    right = Counter(said for said, y in zip(seen.canonical, seen.y, strict=True) if y)
    mean = float(seen.y.mean()) if len(seen.y) else 0.5
    return {
        row: (right[said] + _PRIOR * mean) / (given[said] + _PRIOR)
        for row, said in zip(rows.ids, rows.canonical, strict=True)
    }


def _both(labels: LabelledAnswers) -> bool:
    return bool(labels.y.any()) and not bool(labels.y.all())


CONTROL = Control(
    "answer-side",
    "PARALLAX: Separating Genuine Hallucination Detection from Benchmark Construction Artifacts, arXiv 2605.17028",
    measure_answer_side,
)
