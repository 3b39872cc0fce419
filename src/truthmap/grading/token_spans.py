"""Which tokens of the sequence its spans and positions are, from the ids that were generated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truthmap.answer_parts import parted
from truthmap.arrays import Ints32
from truthmap.grading.thought_steps import step_tokens
from truthmap.positions import MISSING, PAPER, Position, SpanName
from truthmap.records import Answer, Span


def locate_positions(answer: Answer, span: Span | None, positions: Sequence[Position] = PAPER) -> Ints32:
    """Find positions in the whole sequence (prompt ids, then answer ids).

    The exact answer's tokens are the answer ids that wrote a character of the span, by the answer's own offsets:
    nothing is tokenised again. White space at the span's edges does not count, so a token that is only white space is
    never the first or last of the exact answer; a token that also wrote something before or after the span (" Paris.")
    is part of it. `exact_answer_before_first` is the prompt's last token where the exact answer begins the answer;
    `exact_answer_after_last` is missing where it ends the sequence. `-k` lies within the answer or is missing.

    Returns:
        int32 (P,): indices in the order of `positions`, -1 where one is missing; of a mean, the first token's. All are
        missing for an answer with a fault or without ids.
    """
    return locate_ranges(answer, span, positions)[:, 0]


def locate_ranges(
    answer: Answer, span: Span | None, positions: Sequence[Position], *, drop_closing_token: bool = False
) -> Ints32:
    """Find the tokens of positions: see `locate_positions`.

    Args:
        answer: The answer.
        span: The exact answer's characters, if it was found.
        positions: P of them.
        drop_closing_token: The answer ends with its last written token: the token that closes it is no part of it.

    Returns:
        int32 (P, 2): `[start, end)` in the order of `positions`, both -1 where one is missing.
    """
    unread = answer.fault is not None or not answer.answer_ids
    spans = {} if unread else _spans(answer, span, drop_closing_token=drop_closing_token)
    length = len(answer.prompt_ids) + len(answer.answer_ids)
    found = [position.rule.tokens(spans, length) for position in positions]
    ranges = [(MISSING, MISSING) if each is None else (each.start, each.end) for each in found]
    return np.array(ranges, dtype=np.int32).reshape(-1, 2)


def is_closed_by_token(answer: Answer) -> bool:
    """Tell whether the answer's last token closed it, and wrote nothing or white space alone."""
    if not answer.finished or not answer.offsets:
        return False
    start, end = answer.offsets[-1]
    return not answer.text[start:end].strip()


def span_tokens(answer: Answer, span: Span) -> Span | None:
    """Return the answer ids that wrote the span, from the first to the last, or `None` if none did."""
    inside = answer.text[span.start : span.end]
    start = span.start + len(inside) - len(inside.lstrip())
    end = span.start + len(inside.rstrip())
    touching = [index for index, (low, high) in enumerate(answer.offsets) if max(low, start) < min(high, end)]
    return Span(touching[0], touching[-1] + 1) if touching else None


def _spans(answer: Answer, span: Span | None, *, drop_closing_token: bool) -> dict[SpanName, Sequence[int]]:
    """Return the spans of the sequence that the answer has, as the tokens of each."""
    prompt, count = len(answer.prompt_ids), len(answer.answer_ids)
    end = count - 1 if drop_closing_token and is_closed_by_token(answer) else count
    whole = parted(answer)
    in_answer = {
        SpanName.ANSWER: Span(0, count),
        SpanName.THOUGHT: None if whole.thought is None else whole.thought.tokens,
        SpanName.FINAL: None if whole.final is None else whole.final.tokens,
        SpanName.EXACT: None if span is None else span_tokens(answer, span),
    }
    found: dict[SpanName, Sequence[int]] = {
        name: range(prompt + part.start, prompt + min(part.end, end))
        for name, part in in_answer.items()
        if part is not None and part.start < end
    }
    if prompt:
        found[SpanName.PROMPT] = range(prompt)
    if whole.thought is not None:
        found[SpanName.STEPS] = [prompt + token for token in step_tokens(whole, whole.thought)]
    return found
