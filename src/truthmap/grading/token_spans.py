"""Which tokens of the sequence its spans and positions are, from the ids that were generated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truthmap.arrays import Ints32
from truthmap.positions import PAPER, Position, SpanName
from truthmap.records import Answer, Span


def locate_positions(answer: Answer, span: Span | None, positions: Sequence[Position] = PAPER) -> Ints32:
    """Find positions in the whole sequence (prompt ids, then answer ids).

    The exact answer's tokens are the answer ids that wrote a character of the span, by the answer's own offsets:
    nothing is tokenised again. White space at the span's edges does not count, so a token that is only white space is
    never the first or last of the exact answer; a token that also wrote something before or after the span (" Paris.")
    is part of it. `exact_answer_before_first` is the prompt's last token where the exact answer begins the answer;
    `exact_answer_after_last` is missing where it ends the sequence. `-k` lies within the answer or is missing.

    Returns:
        int32 (P,): indices in the order of `positions`, -1 where one is missing. All are missing for an answer with a
        fault or without ids.
    """
    spans = {} if answer.fault is not None or not answer.answer_ids else _spans(answer, span)
    length = len(answer.prompt_ids) + len(answer.answer_ids)
    return np.array([position.rule.locate(spans, length) for position in positions], dtype=np.int32)


def span_tokens(answer: Answer, span: Span) -> Span | None:
    """Return the answer ids that wrote the span, from the first to the last, or `None` if none did."""
    inside = answer.text[span.start : span.end]
    start = span.start + len(inside) - len(inside.lstrip())
    end = span.start + len(inside.rstrip())
    touching = [index for index, (low, high) in enumerate(answer.offsets) if max(low, start) < min(high, end)]
    return Span(touching[0], touching[-1] + 1) if touching else None


def _spans(answer: Answer, span: Span | None) -> dict[SpanName, Span]:
    """Return the spans of the sequence that the answer has, as ranges of its tokens."""
    prompt, count = len(answer.prompt_ids), len(answer.answer_ids)
    found = {SpanName.ANSWER: Span(prompt, prompt + count)}
    if prompt:
        found[SpanName.PROMPT] = Span(0, prompt)
    exact = None if span is None else span_tokens(answer, span)
    if exact is not None:
        found[SpanName.EXACT] = Span(prompt + exact.start, prompt + exact.end)
    return found
