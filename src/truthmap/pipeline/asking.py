"""The stage that writes down the questions and how they are split."""

from __future__ import annotations

from truthmap.errors import NotEnoughDataError
from truthmap.pipeline.settings import question_settings, split_settings
from truthmap.pipeline.tables import write_records
from truthmap.pipeline.work import Made, Work
from truthmap.questions import QuestionSet, assign_splits, load_questions
from truthmap.records import Question, Split


def load_question_set(work: Work) -> QuestionSet:
    """Load the study's questions."""
    question_set = load_questions(work.study.questions, question_settings(work.study))
    if not question_set.questions:
        raise NotEnoughDataError(f"the question set {work.study.questions} is empty")
    return question_set


def write_questions(work: Work) -> Made:
    """Write the questions and their split."""
    questions = work.question_set.questions
    write_records(work.path("questions.parquet"), Question, questions)
    write_records(work.path("splits.parquet"), Split, assign_splits(questions, split_settings(work.study)))
    return Made(["questions.parquet", "splits.parquet"])
