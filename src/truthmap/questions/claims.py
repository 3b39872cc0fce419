"""The claims of a ready answer: pieces of it that somebody judged, each right or wrong by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truthmap.questions.validation import BadRowError, IssueKind
from truthmap.questions.values import items_of, outcome_of, text_of
from truthmap.records import Claim, Span

MOST_CLAIMS = 10_000
"""Claims of one answer."""
_FORM = '{"text": a piece of the answer, "outcome": right or wrong}, or "start" and "end" for the text'


def claims_of(value: Any, column: str, answer: str | None, right_at: float | None = None) -> tuple[Claim, ...]:
    """Return a cell as the claims of a ready answer, in its order; a claim may stand in another.

    Args:
        value: A list of objects, or JSON that is one: `text` a piece of the answer, or `start` and `end` its
            characters, or both; `outcome` as in a question's own column. A text without a start stands behind the
            claim before it if it is there again, else where it is first.
        column: Its column.
        answer: The ready answer.
        right_at: As in `outcome_of`.

    Raises:
        BadRowError: there is no answer, or one of them is no claim of it.
    """
    items = items_of(value, column, f"[{_FORM}, …]")
    if not items:
        return ()
    if answer is None:
        raise BadRowError(column, IssueKind.MISSING, "claims need the answer that makes them, in a column response")
    if len(items) > MOST_CLAIMS:
        raise BadRowError(column, IssueKind.TOO_LONG, f"{len(items):,} claims, at most {MOST_CLAIMS:,} are taken")
    claims: list[Claim] = []
    for item in items:
        if not isinstance(item, Mapping):
            raise BadRowError(column, IssueKind.VALUE, f"expected a list of {_FORM}; got {str(item)[:60]}")
        span = _span(item, column, answer, claims[-1].span.end if claims else 0)
        claims.append(Claim(span, outcome_of(item.get("outcome"), column, right_at)))
    return tuple(claims)


def _span(item: Mapping[str, Any], column: str, answer: str, behind: int) -> Span:
    """Return the characters of the answer that a claim is, whichever way it says them."""
    piece, start, end = text_of(item.get("text"), column), item.get("start"), item.get("end")
    if start is None:
        if piece is None or end is not None:
            raise BadRowError(column, IssueKind.VALUE, f"expected {_FORM}; got {str(dict(item))[:80]}")
        wanted = piece.strip()
        at = answer.find(wanted, behind)
        at = answer.find(wanted) if at < 0 else at
        if at < 0:
            raise BadRowError(column, IssueKind.VALUE, f"{wanted[:40]!r} is no piece of the ready answer")
        return Span(at, at + len(wanted))
    start = _place(start, column)
    end = start + len(piece or "") if end is None else _place(end, column)
    if not 0 <= start < end <= len(answer) or not answer[start:end].strip():
        raise BadRowError(
            column, IssueKind.VALUE, f"characters {start} to {end} are no piece of the answer, which has {len(answer)}"
        )
    if piece is not None and answer[start:end] != piece:
        told = f"characters {start} to {end} of the answer are {answer[start:end][:40]!r}, not {piece[:40]!r}"
        raise BadRowError(column, IssueKind.VALUE, told)
    return Span(start, end)


def _place(value: Any, column: str) -> int:
    """Return the number of a character; tables may have it as a float."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and not (isinstance(value, float) and value.is_integer()):
        raise BadRowError(column, IssueKind.VALUE, f"expected the number of a character, got {value!r:.40}")
    return int(value)
