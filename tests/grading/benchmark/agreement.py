"""The graded benchmark: answers that a person labelled, and how far the rules agree with the labels."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from truthmap.grading.alias_mentions import normalized_answer
from truthmap.grading.grade import grade
from truthmap.grading.kinds import RULES
from truthmap.grading.resolve_task import default_locating, resolve_task
from truthmap.questions.catalogue import BUILTIN_SETS
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.paper_sets import PAPER_SETS
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Grade, Outcome, Question

ANSWERS = Path(__file__).with_name("answers.jsonl")
Grader = Callable[[Question, Answer, Task], Grade]


@dataclass(frozen=True)
class Labelled:
    """An answer and what a careful reader says of it.

    Attributes:
        source: Who wrote the answer, and to which set.
        question, answer, task: What is graded, and how its set is.
        label: The reader's outcome.
        allowed: That outcome, and others that the reader would let pass.
        exact: Pieces of the answer any of which is its exact answer; none where the answer has none.
    """

    source: str
    question: Question
    answer: Answer
    task: Task
    label: Outcome
    allowed: frozenset[Outcome]
    exact: tuple[str, ...]


@dataclass(frozen=True)
class Graded:
    """A labelled answer and the grade that a rule gave it."""

    labelled: Labelled
    grade: Grade

    @property
    def is_scored(self) -> bool:
        """Whether the rule says right or wrong."""
        return self.grade.outcome is not Outcome.UNSCORED

    @property
    def agrees(self) -> bool:
        """Whether the rule's outcome is one that the reader would let pass."""
        return self.grade.outcome in self.labelled.allowed

    @property
    def span_agrees(self) -> bool:
        """Whether the rule's exact answer has the reader's words, or neither has one."""
        if self.grade.span is None or not self.labelled.exact:
            return self.grade.span is None and not self.labelled.exact
        return normalized_answer(self.grade.exact_answer) in map(normalized_answer, self.labelled.exact)


@dataclass(frozen=True)
class Agreement:
    """How a rule agrees with the labels.

    Attributes:
        n: Answers.
        scored: Of them, those that the rule says are right or wrong.
        agreeing: Of these, those whose outcome the reader would let pass.
        missed: Answers that the reader scores without reserve and the rule leaves unscored.
        spans: Of the scored answers whose outcome agrees, those whose exact answer has the reader's words.
        confusion: (label, outcome by the rule) → answers.
    """

    n: int
    scored: int
    agreeing: int
    missed: int
    spans: int
    confusion: Mapping[tuple[Outcome, Outcome], int]

    @classmethod
    def of(cls, graded: Iterable[Graded]) -> Agreement:
        """Count graded answers."""
        all_of = list(graded)
        scored = [each for each in all_of if each.is_scored]
        agreeing = [each for each in scored if each.agrees]
        return cls(
            n=len(all_of),
            scored=len(scored),
            agreeing=len(agreeing),
            missed=sum(not each.is_scored and not each.agrees for each in all_of),
            spans=sum(each.span_agrees for each in agreeing),
            confusion=Counter((each.labelled.label, each.grade.outcome) for each in all_of),
        )

    @property
    def share(self) -> float:
        """The share of the scored answers on which rule and reader agree."""
        return self.agreeing / self.scored if self.scored else 1.0

    @property
    def unscored(self) -> float:
        """The share of the answers that the rule leaves unscored."""
        return 1 - self.scored / self.n if self.n else 0.0

    @property
    def span_share(self) -> float:
        """The share of the agreeing answers whose exact answer has the reader's words."""
        return self.spans / self.agreeing if self.agreeing else 1.0


def read_benchmark(paper_files: Path | None = None, answers: Path = ANSWERS) -> list[Labelled]:
    """Read the labelled answers.

    Args:
        paper_files: The folder with the paper's files; without it the answers to their questions are left out, for the
            benchmark holds those questions by id and digest only.
        answers: The file to read.

    Raises:
        ValueError: a question in those files is not the one that was answered.
    """
    rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    return [_labelled(row, paper_files) for row in rows if "of" not in row or paper_files is not None]


def grade_all(labelled: Iterable[Labelled], grader: Grader = grade) -> list[Graded]:
    """Grade the labelled answers, each by its rule."""
    return [Graded(each, grader(each.question, each.answer, each.task)) for each in labelled]


def by_rule(graded: Sequence[Graded]) -> dict[str, Agreement]:
    """Return the agreement of each rule, in the order of the registry."""
    of = {name: [each for each in graded if each.labelled.task.grading == name] for name in RULES}
    return {name: Agreement.of(some) for name, some in of.items() if some}


def _labelled(row: Mapping[str, Any], paper_files: Path | None) -> Labelled:
    question, task = _asked(row, paper_files)
    label = Outcome(row["label"])
    return Labelled(
        source=row["source"],
        question=replace(question, id=row["id"]),
        answer=Answer(row["id"], (1,), (1,), row["text"], (), (), row["finished"]),
        task=task,
        label=label,
        allowed=frozenset({label, *map(Outcome, row["also"])}),
        exact=tuple(row["exact"]),
    )


def _asked(row: Mapping[str, Any], paper_files: Path | None) -> tuple[Question, Task]:
    """Return a row's question and the task it is graded by."""
    if "of" in row and paper_files is not None:
        of = row["of"]
        question = _paper_questions(of["set"], paper_files)[of["id"]]
        if hashlib.sha256(question.text.encode()).hexdigest()[:16] != of["sha256"]:
            raise ValueError(f"question {of['id']} in {paper_files} is not the one that was answered")
        return question, resolve_task(PAPER_SETS[of["set"]].task)
    rule, named = GradingRule(row["rule"]), row["candidates"]
    if isinstance(named, str):
        entry = BUILTIN_SETS[named]
        return Question(row["id"], row["question"], tuple(row["accepted"]), _candidates(named)), entry.task
    candidates = None if named is None else tuple(map(tuple, named))
    task = resolve_task(Task(rule, default_locating(RULES[rule])))
    return Question(row["id"], row["question"], tuple(row["accepted"]), candidates), task


@cache
def _candidates(name: str) -> tuple[tuple[str, ...], ...] | None:
    return next(BUILTIN_SETS[name].questions()).candidates


@cache
def _paper_questions(name: str, folder: Path) -> Mapping[str, Question]:
    settings = QuestionSettings(path=folder, skip_bad=True)
    return {question.id: question for question in load_questions(name, settings).questions}
