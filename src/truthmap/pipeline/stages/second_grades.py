"""The stage that has the same answers graded again by another rule or a judge, and says what depends on the grader."""

from __future__ import annotations

from truthmap.analyses.audit.graded_twice import compare_grades
from truthmap.analyses.audit.twice import forget_comparison
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.models import second_graders_of
from truthmap.grading.grade import grade_many
from truthmap.pipeline.stages.base import StageResult
from truthmap.pipeline.stages.grades import judge_note
from truthmap.records import Answer, Grade
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANSWERS, SECOND_GRADES
from truthmap.runs.run import Run
from truthmap.runs.tables import read_records, write_records
from truthmap.study.stage_settings import second_grader_of

_ASKED_AT_ONCE = 128


def grade_again(run: ActiveRun) -> StageResult:
    """Grade the answers by the second grader, if one is named; a judge's replies are kept, also of a killed run."""
    second = second_grader_of(run.study, run.question_set)
    if second is None:
        run.folder.remove(SECOND_GRADES)
        forget_comparison(run.folder)
        return StageResult([])
    graders = second_graders_of(run.study, second, lambda: run.model, run.progress)
    answers = read_records(run.folder / ANSWERS, Answer)
    grades: list[Grade] = []
    with run.progress.stage("Grading again", len(answers)) as advance:
        for start in range(0, len(answers), _ASKED_AT_ONCE):
            piece = answers[start : start + _ASKED_AT_ONCE]
            pairs = [(run.questions_by_id[answer.question_id], answer) for answer in piece]
            grades.extend(grade_many(pairs, second.task, graders))
            advance(len(grades))
    write_records(run.folder / SECOND_GRADES, Grade, grades)
    first = str(run.question_set.task.grading)
    compare_grades(RunData.load(Run(run.folder, last="grid")), grades, (first, second.name), graders.judge_cost())
    return StageResult([SECOND_GRADES], judge_note(graders))
