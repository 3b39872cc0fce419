"""The rules against a careful reader's labels: no rule gets worse than it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.grading.benchmark.agreement import ANSWERS, Agreement, Graded, by_rule, grade_all, read_benchmark

from truthmap.questions.catalogue import BUILTIN_SETS
from truthmap.questions.paper_sets import PAPER_SETS, PaperFile
from truthmap.questions.tasks import Task
from truthmap.records import Answer, Grade, Outcome, Question

ROWS = [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
FLOORS = {
    # rule: least agreement, largest share unscored, least agreement of exact answers
    "candidates": (0.98, 0.24, 0.99),
    "alias": (0.95, 0.06, 0.55),
    "number": (0.99, 0.12, 0.92),
    "choice": (0.92, 0.41, 0.97),
    "label": (0.99, 0.25, 0.90),
}
"""What the rules reach without the questions of the paper's files, rounded; raise it when they get better."""


@pytest.fixture(scope="module")
def graded() -> list[Graded]:
    return grade_all(read_benchmark())


@pytest.mark.parametrize("rule", FLOORS)
def test_a_rule_agrees_with_the_reader_as_it_did(rule: str, graded: list[Graded]) -> None:
    found, (agreement, unscored, spans) = by_rule(graded)[rule], FLOORS[rule]
    wrongly = [f"{g.labelled.question.id}: {g.grade.outcome}" for g in graded if g.is_scored and not g.agrees]
    assert found.share >= agreement, wrongly
    assert found.unscored <= unscored
    assert found.span_share >= spans


def test_floors_notice_a_rule_that_gets_worse() -> None:
    worse = by_rule(grade_all(read_benchmark(), _always_right))
    assert all(worse[rule].share < FLOORS[rule][0] for rule in FLOORS)


def _always_right(question: Question, answer: Answer, task: Task) -> Grade:
    return Grade(question.id, Outcome.RIGHT, str(task.grading), None, "", "", "")


def test_labels_can_be_checked_against_their_answers() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS) >= 500
    assert [row["id"] for row in ROWS for piece in row["exact"] if piece not in row["text"]] == []
    assert [
        row["id"] for row in ROWS if row["label"] in row["also"] or not {row["label"], *row["also"]} <= set(Outcome)
    ] == []


def test_every_set_that_needs_no_network_is_among_the_sources() -> None:
    files = {name for name, entry in PAPER_SETS.items() if isinstance(entry.source, PaperFile)}
    sources = {row["source"].removeprefix("smollm2 ") for row in ROWS}
    assert {*BUILTIN_SETS, *files, "made"} <= sources


def test_questions_of_the_papers_files_are_not_repeated() -> None:
    assert all("question" not in row and len(row["of"]["sha256"]) == 16 for row in ROWS if "of" in row)
    assert {row["of"]["set"] for row in ROWS if "of" in row} == {"movies", "math", "winobias", "winogrande", "mnli"}


def test_what_counts_as_agreement(graded: list[Graded]) -> None:
    right, wrong = (next(g for g in graded if g.grade.outcome is outcome and g.agrees) for outcome in list(Outcome)[:2])
    unsure = replace(right.grade, outcome=Outcome.UNSCORED)
    found = Agreement.of([right, wrong, replace(right, grade=wrong.grade), replace(right, grade=unsure)])
    assert (found.n, found.scored, found.agreeing, found.missed) == (4, 3, 2, 1)
    assert (found.share, found.unscored) == (2 / 3, 0.25)
