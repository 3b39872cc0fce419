"""The stage that writes down the questions and how they are split."""

from __future__ import annotations

from dataclasses import replace

from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.execution.active_run import Made, Work
from truthmap.grading.kinds import needs_judge
from truthmap.grading.resolve_task import resolve_task
from truthmap.questions.loading import load_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.splits import assign_splits
from truthmap.questions.tasks import Task
from truthmap.records import Question, SplitAssignment
from truthmap.runs.tables import write_records
from truthmap.study.settings import question_settings, split_settings, uses_gold
from truthmap.study.study import Study


def load_question_set(work: Work) -> QuestionSet:
    """Load the study's questions, graded and located as the study says."""
    study = work.study
    question_set = load_questions(study.questions, question_settings(study))
    if not question_set.questions:
        raise NotEnoughDataError(f"the question set {study.questions} is empty")
    report = question_set.report
    if report.bad:
        work.progress.say(f"skipped {report.bad:,} of {report.rows:,} rows: {report.counted()}")
    return replace(question_set, task=_task(study, question_set.task))


def _task(study: Study, own: Task) -> Task:
    """Change a set's own way of grading and locating where the study names another."""
    task = resolve_task(
        own, grading=study.grading, locating=study.locating, locator=study.locator, gold=uses_gold(study)
    )
    if needs_judge(task) and study.judge is None:
        raise UsageError(
            f"{study.questions} is graded by a judge: name one with --judge (same, a model, or http://host/v1#model), "
            "or choose another rule, such as --grading alias"
        )
    return task


def write_questions(work: Work) -> Made:
    """Write the questions and their split."""
    questions = work.question_set.questions
    write_records(work.path("questions.parquet"), Question, questions)
    write_records(work.path("splits.parquet"), SplitAssignment, assign_splits(questions, split_settings(work.study)))
    report = work.question_set.report
    note = {"rows": report.rows, "skipped": {str(kind): count for kind, count in report.counts.items()}}
    return Made(["questions.parquet", "splits.parquet"], note if report.rows else {})
