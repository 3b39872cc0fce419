"""The stage that grades every answer and finds its exact answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from truthmap.pipeline.study_protocol import at_gold
from truthmap.pipeline.tables import read_records, write_records
from truthmap.pipeline.work import Made, Work
from truthmap.records import Answer, Grade, Outcome


def grade_answers(work: Work) -> Made:
    """Grade the answers; whether they are enough to go on is judged when the probes are fitted."""
    answers = read_records(work.path("answers.parquet"), Answer)
    grades = grade_all(work, answers)
    write_records(work.path("grades.parquet"), Grade, grades.values())
    counts = Counter(str(grade.outcome) for grade in grades.values())
    return Made(["grades.parquet"], {"counts": {str(outcome): counts[str(outcome)] for outcome in Outcome}})


def grade_all(work: Work, answers: Iterable[Answer]) -> dict[str, Grade]:
    """Grade answers; the result goes by question id."""
    from truthmap.grading import grade

    questions = work.questions_by_id
    task = work.question_set.task
    grades = {answer.question_id: grade(questions[answer.question_id], answer, task) for answer in answers}
    if work.study.protocol == "truthmap":
        return grades
    return {
        answer.question_id: at_gold(questions[answer.question_id], answer, grades[answer.question_id])
        for answer in answers
    }
