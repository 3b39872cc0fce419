"""A question set: questions, how they are asked, and a digest that says which they are."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from truthmap.errors import QuestionsError
from truthmap.files import digest_of
from truthmap.questions.tasks import Task
from truthmap.questions.validation import ValidationReport
from truthmap.records import SEPARATOR, Question
from truthmap.seeding import uniform_from
from truthmap.shown import ShortRepr


@dataclass(frozen=True, slots=True, repr=False)
class QuestionSet(ShortRepr):
    """Questions that are asked and graded in one way.

    Attributes:
        name: The set's name, or the name of the file it came from.
        questions: The questions; their ids are distinct.
        task: How they are asked, graded and located.
        digest: SHA-256 of the questions and the task, in hexadecimal.
        report: What reading them found: rows, issues, rows left out; empty for a built-in set.
    """

    name: str
    questions: tuple[Question, ...]
    task: Task
    digest: str
    report: ValidationReport = field(default_factory=ValidationReport, compare=False)


def question_set(
    name: str, questions: Iterable[Question], task: Task, report: ValidationReport | None = None
) -> QuestionSet:
    """Put a set together and compute its digest.

    Raises:
        QuestionsError: an id holds the character that parts the fields of a row's key.
    """
    kept = tuple(questions)
    hostile = next((question.id for question in kept if SEPARATOR in question.id), None)
    if hostile is not None:
        raise QuestionsError(f"{name}: the id {hostile[:40]!r} holds the control character {SEPARATOR!r}; take it out")
    return QuestionSet(name, kept, task, _digest(kept, task), report or ValidationReport())


def choose(questions: Iterable[Question], limit: int | None, seed: int) -> tuple[Question, ...]:
    """Take a random `limit` of the questions, in their own order; all of them with `None`.

    Each question draws a number from (seed, its id), and the lowest win: so the choice does not depend on the order,
    100 questions are part of 200 with the same seed, and of a file of any length only `limit` questions are held.
    """
    if limit is None:
        return tuple(questions)
    # Ranked by the highest negative number: the heap drops its smallest, so it keeps the lowest dice.
    drawn = ((-uniform_from("limit", seed, question.id), -place, question) for place, question in enumerate(questions))
    kept = heapq.nlargest(limit, drawn, key=lambda entry: entry[:2])
    return tuple(question for _, _, question in sorted(kept, key=lambda entry: -entry[1]))


def _digest(questions: tuple[Question, ...], task: Task) -> str:
    # The candidates are the same for most questions of a set: their digest is taken once.
    lists: dict[tuple[tuple[str, ...], ...] | None, str] = {None: ""}
    rows = []
    for question in questions:
        if question.candidates not in lists:
            lists[question.candidates] = digest_of(question.candidates)
        rows.append({**_question_fields(question), "candidates": lists[question.candidates]})
    return digest_of({"task": _task_fields(task), "questions": rows})


def _question_fields(question: Question) -> dict[str, object]:
    """Return a question's fields; those that older versions did not know only where there are some."""
    listed = {name: [asdict(each) for each in getattr(question, name)] for name in ("turns", "claims")}
    fields = {**asdict_shallow(question), **listed}
    return {name: value for name, value in fields.items() if value or name not in ("turns", "prompt", "claims")}


def _task_fields(task: Task) -> dict[str, object]:
    """Return a task's fields; those that say nothing are left out, so that digests of older versions hold."""
    later = {"system_prompt": None, "examples": (), "answer_key": None, "typos": False}
    return {name: value for name, value in asdict(task).items() if name not in later or value != later[name]}


def asdict_shallow(question: Question) -> dict[str, object]:
    """Return a question's fields without copying what is in them."""
    return {name: getattr(question, name) for name in Question.__slots__}
