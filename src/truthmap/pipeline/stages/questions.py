"""The stage that writes down the questions and how they are split."""

from __future__ import annotations

from truthmap.pipeline.stages.base import StageResult
from truthmap.questions.groups import group_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.splits import assign_splits
from truthmap.records import Question, SplitAssignment
from truthmap.runs.file_names import QUESTIONS, SPLITS
from truthmap.runs.folder import RunFolder
from truthmap.runs.tables import write_records
from truthmap.study.stage_settings import split_settings
from truthmap.study.study import Study


def write_questions(folder: RunFolder, question_set: QuestionSet, study: Study) -> StageResult:
    """Write the questions and their split."""
    questions = question_set.questions
    write_records(folder / QUESTIONS, Question, questions)
    write_records(folder / SPLITS, SplitAssignment, assign_splits(questions, split_settings(study)))
    report = question_set.report
    groups = group_questions(questions)
    note: dict[str, object] = {"groups": groups.count, "near_duplicates": groups.near_duplicates}
    if report.rows:
        note |= {"rows": report.rows, "skipped": {str(kind): count for kind, count in report.counts.items()}}
    return StageResult([QUESTIONS, SPLITS], note)
