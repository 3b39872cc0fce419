"""How much of the AUC is in the question alone: what could be told before anything is answered.

"Quantifying Genuine Awareness in Hallucination Prediction Beyond Question-Side Shortcuts" (Seo, Lee and Yeo, arXiv
2509.15339) argues that a detector's score mixes what the model knows of its answer with how hard the question looks,
and estimates the latter. Here the question's share is read directly, by three readers that see nothing of the answer:
the best layer at the prompt's end, the question's words, and sentence embeddings of the question. The best of them on
train + validation stands against the probe on the test part; the probe's paired lead is what is left.
"""

from __future__ import annotations

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
from truthmap.analyses.probing import test_scores
from truthmap.errors import NotEnoughDataError
from truthmap.positions import Group, columns_in
from truthmap.probes.text_features import TextPart


def measure_question_side(context: ControlContext) -> ControlResult:
    """Hold the probe against readers of the question alone."""
    readings = read_by_others(context, list(_readers(context)))
    facts = embedding_facts(context)
    return held_against(readings, "The question alone", "told before anything is answered", facts)


def _readers(context: ControlContext) -> Iterator[OtherReader]:
    at_prompt = _prompt_reader(context)
    if at_prompt is not None:
        yield at_prompt
    yield words_reader(context, TextPart.QUESTION, "the question's words")
    asked = dict(zip(context.texts.ids, context.texts.question, strict=True))
    embedded = embedding_reader(context, "embedding of the question", asked)
    if embedded is not None:
        yield embedded


def _prompt_reader(context: ControlContext) -> OtherReader | None:
    """Return the best layer's probe at the prompt's end; `None` where the run has none, or it scores no test part."""
    grid, data = context.grid, context.data
    columns = columns_in(grid.positions, Group.PROMPT)
    found = grid.auc[:, columns]
    if not data.has_out_of_fold or not np.isfinite(found).any():
        return None
    layer, place = np.unravel_index(int(np.nanargmax(found)), found.shape)
    cell = grid.cell(int(layer), columns[int(place)])
    try:
        test = test_scores(data, grid, cell)
    except NotEnoughDataError:
        return None
    return OtherReader(f"layer {cell.layer}, {cell.position}", data.out_of_fold(grid.site).at(cell), test)


CONTROL = Control(
    "question-side",
    "Quantifying Genuine Awareness in Hallucination Prediction Beyond Question-Side Shortcuts, arXiv 2509.15339",
    measure_question_side,
)
