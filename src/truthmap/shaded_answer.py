"""An answer whose tokens are shaded by a score: for notebooks and terminals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from truthmap.records import Answer, Span
from truthmap.shown import Shown, TextTable, html_text, shade, tables_html


@dataclass(frozen=True)
class ShadedToken:
    """A token of an answer.

    Attributes:
        text: What it wrote.
        share: Its score, from -1 (speaks for a wrong answer) to 1 (for a right one); `None`: it has none.
        note: The score in words.
        is_exact: Whether it wrote a part of the exact answer.
    """

    text: str
    share: float | None
    note: str
    is_exact: bool


@dataclass(frozen=True, repr=False)
class ShadedAnswer(Shown):
    """An answer to be read: `print` it, or let a notebook show it.

    Attributes:
        question: What was asked.
        tokens: The answer's, in order; their texts together are the answer's text.
        facts: What else is known of it, a name and a value each.
        legend: What the shading means.
    """

    question: str
    tokens: tuple[ShadedToken, ...]
    facts: tuple[tuple[str, str], ...]
    legend: str

    @property
    def text(self) -> str:
        """The answer's text."""
        return "".join(token.text for token in self.tokens)

    @property
    def table(self) -> TextTable:
        """The tokens that have a score, with their scores in words, a row each."""
        rows = [(repr(token.text), token.note) for token in self.tokens if token.share is not None]
        return (self.legend, ("token", "score"), rows)

    def _line(self) -> str:
        return f"{self.text!r}, {', '.join(value for _, value in self.facts[:2])}"

    @property
    def facts_table(self) -> TextTable:
        """What is known of it, under the question."""
        return (self.question, ("", ""), self.facts)

    def _tables(self) -> Sequence[TextTable]:
        return [self.facts_table]

    def _repr_html_(self) -> str:
        spans = "".join(_token_html(token) for token in self.tokens)
        style = "white-space:pre-wrap;max-width:50em;padding:0.6em 0;line-height:1.7"
        legend = f"<div style='opacity:0.75;font-size:90%'>{html_text(self.legend)}</div>"
        return f"<div>{tables_html(self._tables())}<div dir='auto' style='{style}'>{spans}</div>{legend}</div>"

    def __str__(self) -> str:
        lines = [self.question, "", self.text, "", *(f"{name}: {value}" for name, value in self.facts)]
        title, _, rows = self.table
        return "\n".join([*lines, title, *(f"  {token}  {note}" for token, note in rows)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 (IPython's own way of showing things)
        printer.text(str(self))


def _token_html(token: ShadedToken) -> str:
    styles = [] if token.share is None else [shade(token.share)]
    styles += ["text-decoration:underline"] if token.is_exact else []
    title = f" title='{html_text(token.note)}'" if token.note else ""
    style = f" style='{';'.join(styles)}'" if styles else ""
    return f"<span{style}{title}>{html_text(token.text)}</span>"


def token_texts(answer: Answer) -> tuple[str, ...]:
    """Return what each token of an answer wrote: together, the answer's text.

    A character that several tokens wrote stands at the first of them; one that none wrote, at the next one.
    """
    ends = [0]
    for number, (_, end) in enumerate(answer.offsets):
        is_last = number == len(answer.offsets) - 1
        ends.append(len(answer.text) if is_last else min(max(ends[-1], end), len(answer.text)))
    return tuple(answer.text[start:end] for start, end in pairwise(ends))


def wrote_part_of(answer: Answer, span: Span | None) -> tuple[bool, ...]:
    """Tell of each token whether it wrote a character of a span."""
    if span is None:
        return (False,) * len(answer.offsets)
    return tuple(start < span.end and end > span.start for start, end in answer.offsets)
