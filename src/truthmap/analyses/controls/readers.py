"""Other readers of the same answers: scores that know no hidden state of the answer, held against the probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.analyses.controls.base import ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlReading,
    ControlVerdict,
    against,
    amount,
    has_enough,
    verdict_on,
)
from truthmap.analyses.probing import StatesAtCell, fit_cell_probe
from truthmap.arrays import Bools, Floats
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.text_features import TextPart
from truthmap.records import RowKey


@dataclass(frozen=True)
class OtherReader:
    """Scores of another reader of the same rows, higher means right.

    Attributes:
        name: What it reads.
        seen: Scores of train + validation by models that had not seen the row: what it is chosen by.
        test: Scores of the test part.
    """

    name: str
    seen: Mapping[RowKey, float]
    test: Mapping[RowKey, float]


def read_by_others(context: ControlContext, readers: Sequence[OtherReader]) -> tuple[ControlReading, ...]:
    """Hold the probe against other readers on the test rows that both score; the best on train + validation first.

    Raises:
        NotEnoughDataError: no reader scores enough test rows of either outcome.
    """
    found = []
    for reader in readers:
        shared = np.array([np.isfinite(reader.test.get(row, np.nan)) for row in context.tested.ids], dtype=bool)
        rows = context.tested.take(shared)
        if has_enough(rows.y, rows.group):
            scores = np.array([reader.test[row] for row in rows.ids], dtype=np.float64)
            reading = against(reader.name, scores, context.probe[shared], rows.y, rows.group)
            found.append((_auc_where_chosen(reader, context.seen), reading))
    if not found:
        raise NotEnoughDataError("too few test answers of either outcome can be scored without the answer's states")
    return tuple(reading for _, reading in sorted(found, key=lambda pair: -pair[0]))


def held_against(
    readings: tuple[ControlReading, ...], who: str, meaning: str, facts: tuple[tuple[str, str], ...] = ()
) -> ControlResult:
    """Return what the first of the readings says: how much of the probe's AUC another reader has too.

    Args:
        readings: The readings, the one that counts first.
        who: What reads, at the start of the sentence: "The question alone".
        meaning: What the part that both read could be: "told before anything is answered".
        facts: What a reader must know to repeat it.
    """
    head = readings[0]
    assert head.left is not None and head.probe is not None, "readings that are held against the probe"
    verdict, probe = verdict_on(head), head.probe.value
    start = f"{who} ({head.name}) reads {head.value.value:.2f} of the probe's {probe:.2f} on the same {head.value.n:,} "
    if verdict is ControlVerdict.UNCLEAR:
        end = f"test answers: too few to say what is left (lead {head.left.short_signed})."
    elif verdict is ControlVerdict.NOTHING:
        end = f"test answers: it is not shown that the probe reads more (lead {head.left.short_signed})."
    else:
        share = 1 - (head.share_left or 0.0)
        end = f"test answers: {amount(share)} of it could be {meaning} (lead {head.left.short_signed})."
    return ControlResult(verdict, start + end, readings, facts=facts)


def embedding_reader(context: ControlContext, name: str, texts: Mapping[RowKey, str]) -> OtherReader | None:
    """Return a probe on sentence embeddings of a text per row; `None` without a model for them."""
    if context.encoder is None:
        return None
    distinct = list(dict.fromkeys(texts.values()))
    with context.progress.stage("Embedding texts", None):
        vectors = dict(zip(distinct, context.encoder.encode(distinct), strict=True))
    seen, tested = context.seen, context.tested
    x = torch.from_numpy(np.stack([vectors[texts[row]] for row in seen.ids]))
    fitted = fit_cell_probe(StatesAtCell(seen.ids, x, seen.y, seen.fold, seen.group), context.fitting.cs)
    unseen = np.stack([vectors[texts[row]] for row in tested.ids]).astype(np.float64)
    return OtherReader(
        name,
        dict(zip(seen.ids, fitted.out_of_fold.tolist(), strict=True)),
        dict(zip(tested.ids, fitted.probe.score(unseen).tolist(), strict=True)),
    )


def _auc_where_chosen(reader: OtherReader, seen: LabelledAnswers) -> float:
    """Return a reader's AUC on the rows of train + validation that it scores; 0 where those are all of one outcome."""
    known = np.array([np.isfinite(reader.seen.get(row, np.nan)) for row in seen.ids], dtype=bool)
    rows = seen.take(known)
    return _auc(np.array([reader.seen[row] for row in rows.ids], dtype=np.float64), rows.y)


def _auc(scores: Floats, y: Bools) -> float:
    return float(auc_values(round_scores(scores[None]), y)[0]) if y.any() and not y.all() else 0.0


def words_reader(context: ControlContext, part: TextPart, name: str) -> OtherReader:
    """Return the text baseline that reads one part of what was said and asked, with the C chosen for it."""
    fit = context.text_fit
    kind = next(kind for kind in fit.baselines.kinds if kind.parts == (part,))
    return OtherReader(name, fit.baselines.of(kind), fit.score(context.texts.take(context.tested.ids), kind))


def embedding_facts(context: ControlContext) -> tuple[tuple[str, str], ...]:
    """Return the name of the sentence-embedding model that took part, for whoever repeats the control."""
    name = context.settings.text_model
    return () if name is None else (("text model", name),)
