"""Untrusted text as the page shows it: nothing invisible, nothing that reorders its surroundings, nothing endless."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.records import Span
from truthmap.text import CUT, sanitize
from truthmap.text import cut as cut_text


@dataclass(frozen=True)
class MarkedText:
    """A text in three pieces, the marked one in the middle; pieces may be empty."""

    before: str
    marked: str
    after: str


def visible(text: str) -> str:
    r"""Put a visible character in place of each control, direction override and lone surrogate; lengths stay the same.

    >>> visible("a\x1b[31m")
    'a�[31m'
    """
    return sanitize(text, with_formats=True)


def cut(text: str, limit: int) -> str:
    """Return the text made visible, its end left off where it is longer than `limit` characters."""
    return visible(cut_text(text, limit))


def marked(text: str, span: Span | None, limit: int) -> MarkedText:
    """Return the text made visible and cut to about `limit` characters around the span, which is marked.

    A span longer than the limit is itself cut.
    """
    if span is None:
        return MarkedText(cut(text, limit), "", "")
    inside = cut(text[span.start : span.end], limit)
    room = max(0, limit - len(inside))
    before, after = text[: span.start], text[span.end :]
    left = min(len(before), max(room // 2, room - len(after)))
    right = min(len(after), room - left)
    head = before[len(before) - left :]
    return MarkedText(
        visible(head if left == len(before) else CUT + head),
        inside,
        visible(after if right == len(after) else after[:right] + CUT),
    )
