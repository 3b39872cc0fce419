"""What the probe tells among answers of like length whose exact answer stands at a like place.

"The Illusion of Progress: Re-evaluating Hallucination Detection in LLMs" (Janiak et al., arXiv 2508.08285) finds that
the length of an answer alone rivals elaborate detectors. Here right and wrong test answers are compared only with each
other where they match on the answer's length, the exact answer's first token and its number of tokens (each value by
itself where there are few of them, else tenths of train + validation); the lengths alone are held against the probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlReading,
    ControlVerdict,
    amount,
    remaining,
    verdict_on,
)
from truthmap.analyses.controls.readers import read_by_others, words_reader
from truthmap.arrays import Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.grading.free_scores import exact_tokens
from truthmap.metrics.within_group_auc import within_auc
from truthmap.probes.text_features import TextPart
from truthmap.records import RowKey, Span

_FEW_VALUES = 12
_PARTS = 10
_MATCHES = (
    ("same length and place", (0, 1, 2)),
    ("same length", (0,)),
    ("same place", (1, 2)),
)


def measure_length_and_place(context: ControlContext) -> ControlResult:
    """Measure the probe over right-wrong pairs that match on length and place, and the lengths alone.

    Raises:
        NotEnoughDataError: no right and wrong answers match.
    """
    bins = _bins(context)
    readings = list(_matched(context, bins))
    if not readings or readings[0].name != _MATCHES[0][0]:
        raise NotEnoughDataError("hardly any right and wrong test answers match on length and place")
    readings += read_by_others(context, [words_reader(context, TextPart.LENGTHS, "lengths and place alone")])
    head, verdict = readings[0], verdict_on(readings[0])
    assert head.left is not None and head.probe is not None
    says = (
        f"Among answers of like length and place the probe gets {head.value.short} of its {head.probe.value:.2f}, over "
        f"{head.value.n:,} right-wrong pairs, where lengths and place alone read {readings[-1].value.value:.2f}: "
    )
    share = amount(head.share_left or 0.0)
    meanings = {
        ControlVerdict.UNCLEAR: "too few pairs to say what is left",
        ControlVerdict.NOTHING: "it is not shown that anything else is left",
    }
    return ControlResult(verdict, f"{says}{meanings.get(verdict, f'{share} of it is left')}.", tuple(readings))


def _matched(context: ControlContext, bins: Ints) -> Iterator[ControlReading]:
    tested = context.tested
    for name, columns in _MATCHES:
        stratum = [" ".join(map(str, row)) for row in bins[:, columns].tolist()]
        value = within_auc(context.probe, tested.y, stratum, tested.group)
        if value is not None:
            yield remaining(name, value, context.auc)


def _bins(context: ControlContext) -> Ints:
    """Return which length and place each test row has: int64 (n, 3)."""
    seen, tested = _measures(context, context.seen.ids), _measures(context, context.tested.ids)
    columns = [binned(tested[:, k], seen[:, k]) for k in range(seen.shape[1])]
    return np.stack(columns, axis=1)


def binned(values: Floats, known: Floats) -> Ints:
    """Return the bin of each value (n,): a value's own where few are known, else a tenth of those that are known."""
    distinct = np.unique(known)
    if len(distinct) <= _FEW_VALUES:
        return np.searchsorted(distinct, values).astype(np.int64) + len(distinct) * ~np.isin(values, distinct)
    edges = np.unique(np.quantile(known, np.arange(1, _PARTS) / _PARTS))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _measures(context: ControlContext, rows: Sequence[RowKey]) -> Floats:
    """Return the answer's tokens, the exact answer's first token and how many it has: float64 (n, 3); -1, 0 without."""
    answers = {answer.key: answer for answer in context.data.answers}
    spans = exact_tokens(rows, answers, {grade.key: grade for grade in context.data.grades})
    found = [(len(answers[row.answer].answer_ids), *_place(spans.get(row))) for row in rows]
    return np.array(found, dtype=np.float64).reshape(len(rows), 3)


def _place(span: Span | None) -> tuple[int, int]:
    return (-1, 0) if span is None else (span.start, span.end - span.start)


CONTROL = Control(
    "length-and-place",
    "The Illusion of Progress: Re-evaluating Hallucination Detection in LLMs, arXiv 2508.08285",
    measure_length_and_place,
)
