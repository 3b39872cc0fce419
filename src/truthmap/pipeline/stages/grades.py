"""The stage that grades every answer and finds its exact answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from truthmap.analyses.audit.run import write_audit
from truthmap.execution.active_run import Made, Work
from truthmap.grading.gold import at_gold
from truthmap.records import Answer, Grade, Outcome
from truthmap.runs.file_names import AUDIT
from truthmap.runs.tables import read_records, write_records
from truthmap.study.settings import SHARD

_PARTS = "grade-parts"


def grade_answers(work: Work) -> Made:
    """Grade the answers; whether they are enough to go on is judged when the probes are fitted."""
    answers = read_records(work.path("answers.parquet"), Answer)
    grades = _by_shards(work, answers) if needs_help(work) else list(grade_all(work, answers).values())
    write_records(work.path("grades.parquet"), Grade, grades)
    write_audit(work, answers, grades)
    counts = Counter(str(grade.outcome) for grade in grades)
    return Made(
        ["grades.parquet", AUDIT],
        {"counts": {str(outcome): counts[str(outcome)] for outcome in Outcome}},
        scratch=[_PARTS],
    )


def grade_all(work: Work, answers: Iterable[Answer]) -> dict[str, Grade]:
    """Grade answers; the result goes by question id."""
    from truthmap.grading.grade import grade_many

    questions, task = work.questions_by_id, work.question_set.task
    pairs = [(questions[answer.question_id], answer) for answer in answers]
    grades = grade_many(pairs, task, work.helpers)
    if work.study.protocol == "study":
        grades = [at_gold(*pair, grade) for pair, grade in zip(pairs, grades, strict=True)]
    return {grade.question_id: grade for grade in grades}


def needs_help(work: Work) -> bool:
    """Say whether a model judges or locates: then grading takes its time, and is done once."""
    from truthmap.grading.grade import needs_judge, needs_locator

    task = work.question_set.task
    return needs_judge(task) or needs_locator(task)


def _by_shards(work: Work, answers: Sequence[Answer]) -> list[Grade]:
    """Grade shard after shard; each finished shard is kept, so that a killed run repeats at most one."""
    parts = work.path(_PARTS) / work.keys["grades"][:16]
    grades: list[Grade] = []
    with work.progress.stage("Grading", len(answers)) as advance:
        for start in range(0, len(answers), SHARD):
            file = parts / f"{start // SHARD:05d}.parquet"
            if not file.exists():
                shard = grade_all(work, answers[start : start + SHARD])
                write_records(file, Grade, shard.values())
            grades.extend(read_records(file, Grade))
            advance(len(grades))
    return grades
