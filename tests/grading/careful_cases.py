"""The cases that a careful reader graded, and the grades that the rules give them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from truthmap.grading.grade import grade
from truthmap.questions.loading import load_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Grade, Question

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def cities() -> QuestionSet:
    return load_questions("cities")


def rows(name: str) -> Iterator[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def graded(row: dict[str, str]) -> Grade:
    rule, accepted = GradingRule(row["rule"]), tuple(json.loads(row["accepted"]))
    countries = row["candidates"] == "countries"
    task = cities().task if countries else Task(rule, Locating.NAME if rule == "alias" else Locating.RULE)
    offered = json.loads(row["candidates"]) if row["candidates"] and not countries else None
    candidates = cities().questions[0].candidates if countries else offered and tuple(map(tuple, offered))
    question = Question("q", row["question"], accepted, candidates)
    return grade(question, Answer("q", (1,), (7,), row["text"], (), (), True), task)


def own_rows() -> list[dict[str, str]]:
    """Return our own cases, which a reader labelled before any rule had graded them, in the form of the others."""
    cases = [json.loads(line) for line in (HERE / "own_cases.jsonl").read_text(encoding="utf-8").splitlines()]
    dumped = [{**case, "accepted": json.dumps(case["accepted"])} for case in cases]
    return [{**case, "candidates": _written(case["candidates"])} for case in dumped]


def _written(candidates: object) -> str:
    return candidates if isinstance(candidates, str) else json.dumps(candidates) if candidates else ""
