"""The stage that writes down the questions and how they are split."""

from __future__ import annotations

from dataclasses import replace

from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.execution.active_run import Made, Work
from truthmap.probes.recipes import recipe_named
from truthmap.questions.loading import load_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.splits import assign_splits
from truthmap.questions.tasks import GradingRule, Locating, Task, default_locating
from truthmap.records import Question, SplitAssignment
from truthmap.runs.tables import write_records
from truthmap.study.settings import question_settings, split_settings
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
    grading = study.grading or own.grading
    locating = study.locating
    if locating is None:
        # The exact answer is found as the set says, unless another grading rule finds none of its own.
        locating = own.locating if study.grading in (None, own.grading) else default_locating(grading)
        if locating is Locating.RULE and study.locator is not None:
            locating = Locating.MODEL
        if recipe_named(study.protocol).info.locates_gold and study.locator is not None:
            locating = Locating.GOLD
        if locating is Locating.MODEL and study.locator is None:
            locating = Locating.NAME
    if grading is GradingRule.JUDGE and study.judge is None:
        raise UsageError(
            f"{study.questions} is graded by a judge: name one with --judge (same, a model, or http://host/v1#model), "
            "or choose another rule, such as --grading alias"
        )
    return replace(own, grading=grading, locating=locating)


def write_questions(work: Work) -> Made:
    """Write the questions and their split."""
    questions = work.question_set.questions
    write_records(work.path("questions.parquet"), Question, questions)
    write_records(work.path("splits.parquet"), SplitAssignment, assign_splits(questions, split_settings(work.study)))
    report = work.question_set.report
    note = {"rows": report.rows, "skipped": {str(kind): count for kind, count in report.counts.items()}}
    return Made(["questions.parquet", "splits.parquet"], note if report.rows else {})
