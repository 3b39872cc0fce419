"""A run's answers with their grades, as a file and as a page: all there is of a run that has no map."""

from __future__ import annotations

import csv
from collections import Counter
from io import StringIO

from truthmap.records import Outcome
from truthmap.report.page import Download, Page, PageSection, Table
from truthmap.runs.data import RunData
from truthmap.runs.row_count import rows_counted
from truthmap.text import harmless

COLUMNS = ("question_id", "sample", "question", "accepted", "answer", "outcome", "exact_answer", "why")
_ON_THE_PAGE = 500
"""Answers of a page; its file holds all."""


def answer_rows(data: RunData) -> list[tuple[str, ...]]:
    """Return a row per graded answer, in the columns of `COLUMNS`."""
    rows: list[tuple[str, ...]] = []
    for grade in data.grades:
        question, answer = data.question_of(grade.key), data.answer_of(grade.key)
        accepted = " | ".join(question.accepted)
        told = (answer.text, str(grade.outcome), grade.exact_answer, grade.why)
        rows.append((question.id, str(answer.sample), question.text, accepted, *told))
    return rows


def answers_csv(data: RunData) -> str:
    """Return the answers and their grades as CSV; what a spreadsheet would take for a formula is made harmless."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    writer.writerows([harmless(cell) for cell in row] for row in answer_rows(data))
    return text.getvalue()


def reasons(data: RunData) -> list[tuple[str, int]]:
    """Return why answers could not be scored, the usual reasons first, with their counts."""
    return Counter(grade.why for grade in data.grades if grade.outcome is Outcome.UNSCORED).most_common()


def counted(data: RunData) -> str:
    """Return the counts of all outcomes in words."""
    counts = Counter(grade.outcome for grade in data.grades)
    told = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in Outcome)
    return f"{rows_counted(len(data.grades), len(data.answers))}: {told}"


def title_of(data: RunData) -> str:
    """Return what was asked of which model, by the settings."""
    settings = data.settings["settings"]
    return f"{settings['model']['name']} on {settings['questions']['name']}"


def answers_page(data: RunData, why: str) -> Page:
    """Return the page of a run that has no map: why, what can be done, and its answers with their grades."""
    address = data.run.address
    rows = answer_rows(data)
    said = f"Unscored because: {'; '.join(f'{why} ({n:,})' for why, n in reasons(data)[:10])}" if reasons(data) else ""
    shown = f"The first {_ON_THE_PAGE:,} of {len(rows):,} answers" if len(rows) > _ON_THE_PAGE else "All answers"
    sections = (
        PageSection(
            "no-map",
            "There is no map",
            says=(why, *filter(None, [said])),
            facts={"Answers": counted(data), "Run": address, "As a file": f"truthmap show {address} --export FILE"},
        ),
        PageSection(
            "answers",
            "Answers and grades",
            tables=(Table(shown, COLUMNS, tuple(rows[:_ON_THE_PAGE])),),
            downloads=(Download("answers.csv", "text/csv", answers_csv(data).encode()),),
        ),
    )  # fmt: skip
    return Page(title_of(data), sections, {})
