"""How the grading rules agree with a careful reader.

The answers are those of tests/grading/benchmark; `PAPER_FILES` in the environment names the folder with the paper's
files, whose questions that benchmark holds by id only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.grading.benchmark.agreement import Agreement, Graded, by_rule, grade_all, read_benchmark

from truthmap.records import Outcome

PAGE = Path(__file__).parent.parent / "docs" / "grading.md"


def run() -> str:
    """Grade the labelled answers and count."""
    named = os.environ.get("PAPER_FILES")
    graded = grade_all(read_benchmark(None if named is None else Path(named)))
    left_out = "" if named else " (without those to the paper's files: `PAPER_FILES` was not set)"
    together = Agreement.of(graded)
    sources: dict[str, list[Graded]] = {"answers of `smollm2`": [], "made answers": []}
    for each in graded:
        sources["made answers" if each.labelled.source == "made" else "answers of `smollm2`"].append(each)
    rows = {
        **by_rule(graded),
        **{name: Agreement.of(some) for name, some in sources.items()},
        "all": together,
    }
    return "\n".join(
        [
            f"{together.n} answers{left_out}. Agreement: of the answers that the rule scores, those whose outcome the",
            "reader lets pass. Missed: answers that the reader scores and the rule does not. Exact answer: of the",
            "agreeing answers, those in which rule and reader mark the same words, or neither marks any. The rules",
            "were mended with these answers in view (before that, all agreed on 82.7 %): on new ones expect less.",
            "",
            "| rule | answers | unscored | missed | agreement | exact answer |",
            "|---|--:|--:|--:|--:|--:|",
            *(_row(name, found) for name, found in rows.items()),
            "",
            "| reader \\ rule | " + " | ".join(Outcome) + " |",
            "|---|--:|--:|--:|",
            *_confusion(together),
        ]
    )


def _row(name: str, found: Agreement) -> str:
    share = f"{found.agreeing} of {found.scored} = {found.share:.1%}"
    return f"| {name} | {found.n} | {found.unscored:.1%} | {found.missed} | {share} | {found.span_share:.1%} |"


def _confusion(found: Agreement) -> Iterator[str]:
    for label in Outcome:
        counts = " | ".join(str(found.confusion.get((label, outcome), 0)) for outcome in Outcome)
        yield f"| {label} | {counts} |"
