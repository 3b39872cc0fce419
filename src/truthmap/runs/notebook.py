"""What a notebook shows of a run: its facts as a small table, every text of it escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from truthmap.runs.summary import Summary
from truthmap.text import sanitize


def facts_html(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return facts as an HTML table under a title; texts are text, whatever they hold."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts
    )
    return f"<table><caption style='text-align:left'><b>{_text(title)}</b></caption>{rows}</table>"


def summary_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return what a run found, a name and a value each."""
    return [
        ("answers", f"{summary.right:,} right, {summary.wrong:,} wrong, {summary.unscored:,} unscored"),
        ("best cell", f"layer {summary.layer}, {summary.position} ({summary.site}, C = {summary.C:g})"),
        ("AUC where chosen", f"{summary.validation} ({summary.validation.n:,} answers)"),
        ("AUC on test", f"{summary.test} ({summary.test.n:,} other answers)"),
    ]


def _text(text: str) -> str:
    return escape(sanitize(text))
