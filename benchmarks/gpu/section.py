"""A section of the page: a table of figures, and the laws that were broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """What a part of the measurements says.

    Attributes:
        heading: Its heading.
        lines: Its Markdown.
        faults: What is not as it must be, a line each.
    """

    heading: str
    lines: Sequence[str]
    faults: Sequence[str] = ()

    @property
    def body(self) -> list[str]:
        """Its lines, and a list of its faults."""
        faults = [f"- **Broken:** {fault}" for fault in self.faults]
        return [*self.lines, *([""] if faults else []), *faults, ""]

    def markdown(self, made: str) -> str:
        """Return the section as it stands on the page; `made` says when, where and how it was measured."""
        return "\n".join([f"## {self.heading}", "", made, "", *self.body])


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table in Markdown, the first column on the left, the others on the right."""
    marks = ["---", *["--:"] * (len(columns) - 1)]
    return [f"| {' | '.join(row)} |" for row in (columns, marks, *rows)]


def in_gigabytes(count: float) -> str:
    """Write a number of bytes for a column of them."""
    return f"{count / 1e9:.2f} GB"
