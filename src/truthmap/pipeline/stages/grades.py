"""The stage that grades every answer and finds its exact answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from truthmap.analyses.audit.run import write_audit
from truthmap.execution.active_run import ActiveRun
from truthmap.grading.kinds import needs_judge
from truthmap.grading.text_model import Graders
from truthmap.pipeline.stages.base import StageResult
from truthmap.records import Answer, Grade, Outcome
from truthmap.runs.file_names import ANSWERS, AUDIT, GRADE_PARTS, GRADES
from truthmap.runs.tables import kept_part, read_records, write_part, write_records


def grade_answers(run: ActiveRun) -> StageResult:
    """Grade the answers; whether they are enough to go on is judged when the probes are fitted."""
    answers = read_records(run.folder / ANSWERS, Answer)
    grades = _by_shards(run, answers) if run.grading_asks_a_model else list(run.grade(answers).values())
    write_records(run.folder / GRADES, Grade, grades)
    write_audit(run, answers, grades)
    counts = Counter(str(grade.outcome) for grade in grades)
    return StageResult(
        [GRADES, AUDIT],
        {"counts": {str(outcome): counts[str(outcome)] for outcome in Outcome}, **_judge_note(run)},
        scratch=[GRADE_PARTS],
    )


def judge_note(graders: Graders) -> Mapping[str, Mapping[str, float]]:
    """Return what asking a judge took, for the ledger; nothing where there is none."""
    return {} if graders.judge is None else {"judge_cost": asdict(graders.judge_cost())}


def _judge_note(run: ActiveRun) -> Mapping[str, Mapping[str, float]]:
    return judge_note(run.graders) if needs_judge(run.question_set.task) else {}


def _by_shards(run: ActiveRun, answers: Sequence[Answer]) -> list[Grade]:
    """Grade shard after shard; each finished shard is kept, so that a killed run repeats at most one."""
    size = run.study.states.shard
    parts = run.folder / GRADE_PARTS / f"{run.keys['grades'][:16]}-{size}"
    grades: list[Grade] = []
    with run.progress.stage("Grading", len(answers)) as advance:
        for start in range(0, len(answers), size):
            file = parts / f"{start // size:05d}.parquet"
            shard = kept_part(file, Grade, run.progress.say)
            if shard is None:
                shard = tuple(run.grade(answers[start : start + size]).values())
                write_part(file, Grade, shard)
            grades.extend(shard)
            advance(min(start + size, len(answers)))
    return grades
