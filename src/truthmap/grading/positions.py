"""The 15 named token places of an answer, from the ids that were generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from truthmap.records import POSITIONS, Answer, Position, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING = -1
_FROM_END = tuple(position for position in POSITIONS if position.value.startswith("-"))


def locate_positions(answer: Answer, span: Span | None) -> NDArray[np.int32]:
    """Find the 15 positions in the whole sequence (prompt ids, then answer ids).

    The exact answer's tokens are the answer ids that wrote a character of the span, by the answer's own offsets:
    nothing is tokenised again. White space at the span's edges does not count, so a token that is only white space is
    never the first or last of the exact answer; a token that also wrote something before or after the span (" Paris.")
    is part of it. `exact_answer_before_first` is the prompt's last token where the exact answer begins the answer;
    `exact_answer_after_last` is missing where it ends the sequence. `-k` lies within the answer or is missing.

    Returns:
        int32 (15,): indices in the order of `records.POSITIONS`, -1 where a position is missing. All are missing for
        an answer with a fault or without ids.
    """
    places = np.full(len(POSITIONS), MISSING, dtype=np.int32)
    prompt, count = len(answer.prompt_ids), len(answer.answer_ids)
    if answer.fault is not None or count == 0:
        return places
    found = {Position.LAST_Q: prompt - 1, Position.FIRST_ANSWER: prompt}
    if count > 1:
        found[Position.SECOND_ANSWER] = prompt + 1
    found.update(_exact(answer, span))
    for position in _FROM_END:
        back = -int(position.value)
        if back <= count:
            found[position] = prompt + count - back
    for index, position in enumerate(POSITIONS):
        places[index] = found.get(position, MISSING)
    return places


def span_tokens(answer: Answer, span: Span) -> Span | None:
    """Return the answer ids that wrote the span, from the first to the last, or `None` if none did."""
    inside = answer.text[span.start : span.end]
    start = span.start + len(inside) - len(inside.lstrip())
    end = span.start + len(inside.rstrip())
    touching = [index for index, (low, high) in enumerate(answer.offsets) if max(low, start) < min(high, end)]
    return Span(touching[0], touching[-1] + 1) if touching else None


def _exact(answer: Answer, span: Span | None) -> dict[Position, int]:
    tokens = None if span is None else span_tokens(answer, span)
    if tokens is None:
        return {}
    prompt, count = len(answer.prompt_ids), len(answer.answer_ids)
    found = {
        Position.EXACT_BEFORE_FIRST: prompt + tokens.start - 1,
        Position.EXACT_FIRST: prompt + tokens.start,
        Position.EXACT_LAST: prompt + tokens.end - 1,
    }
    if tokens.end < count:
        found[Position.EXACT_AFTER_LAST] = prompt + tokens.end
    return found
