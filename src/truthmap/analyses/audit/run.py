"""The audit of a run's grades: its numbers, a sample to check by hand, and what the filled-in sample says."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path

from truthmap.analyses.audit.measure import Agreement, Annotation, measure_agreement
from truthmap.analyses.audit.twice import GradedTwice, read_comparison
from truthmap.errors import QuestionsError, RunFolderError
from truthmap.execution.active_run import ActiveRun
from truthmap.files import write_json, write_text
from truthmap.grading.audit import Judged, audit_grades
from truthmap.grading.audit_record import Audit
from truthmap.questions.csv_reader import read_csv
from truthmap.questions.validation import RowIssue
from truthmap.records import Answer, Grade, Outcome
from truthmap.runs.data import RunData
from truthmap.runs.file_names import AUDIT, AUDIT_SAMPLE
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run
from truthmap.runs.snapshot import is_run
from truthmap.seeding import uniform_from
from truthmap.text import harmless

SAMPLED = 50
MOST_UNSCORED = 10
BY_HAND, SPAN_BY_HAND = "outcome_by_hand", "exact_answer_by_hand"
_COLUMNS = ("question_id", "question", "accepted", "answer", "outcome", "why", "exact_answer", BY_HAND, SPAN_BY_HAND)
_HAND_OUTCOMES: Mapping[str, Outcome] = {
    **dict.fromkeys(("right", "r", "1", "yes", "y", "correct"), Outcome.RIGHT),
    **dict.fromkeys(("wrong", "w", "0", "no", "n", "incorrect"), Outcome.WRONG),
}


def write_audit(active: ActiveRun, answers: Iterable[Answer], grades: Iterable[Grade]) -> Audit:
    """Write audit.json, and audit.csv unless somebody has begun to fill it in."""
    by_key = {answer.key: answer for answer in answers}
    judged = [(active.questions_by_id[g.question_id], by_key[g.key.answer], g) for g in grades]
    audit = audit_grades(judged)
    write_json(active.folder / AUDIT, audit.model_dump(mode="json"))
    sample = active.folder / AUDIT_SAMPLE
    active.folder.guard(sample.local)
    if sample.is_file() and is_filled_in(sample.local):
        active.progress.say(f"{sample} is filled in and was left as it is; its grades may be older than the run's")
    else:
        write_text(sample, sample_to_check(judged, active.study.seed))
    return audit


def sample_to_check(judged: Sequence[Judged], seed: int) -> str:
    """Return a CSV of 50 graded answers to check by hand: up to 10 unscored ones, the others half right, half wrong.

    Which ones depends on the seed and each row's key alone. What a spreadsheet would take for a formula gets an
    apostrophe before it; control characters are written as escapes.
    """
    of: dict[Outcome, list[Judged]] = {outcome: [] for outcome in Outcome}
    for item in sorted(judged, key=lambda item: uniform_from("audit", seed, item[2].key)):
        of[item[2].outcome].append(item)
    unscored = of[Outcome.UNSCORED][:MOST_UNSCORED]
    left = SAMPLED - len(unscored)
    wrong = of[Outcome.WRONG][: max(left // 2, left - len(of[Outcome.RIGHT]))]
    chosen = [*of[Outcome.RIGHT][: left - len(wrong)], *wrong, *unscored]
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for question, answer, grade in sorted(chosen, key=lambda item: uniform_from("audit order", seed, item[2].key)):
        accepted = " | ".join(question.accepted)
        asked = question.text if question.context is None else f"{question.context}\n{question.text}"
        cells = (question.id, asked, accepted, answer.text, str(grade.outcome), grade.why, grade.exact_answer, "", "")
        writer.writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def read_annotations(path: Path, group: Mapping[str, str] | None = None) -> list[Annotation]:
    """Read the rows of a sample that a person filled in.

    Args:
        path: The sample.
        group: What a question belongs with, by its id; by default with itself.

    Raises:
        QuestionsError: it is no such sample, or a cell holds what is not understood; says in which line.
    """
    annotations = []
    for row in read_csv(path):
        if isinstance(row, RowIssue):
            raise QuestionsError(f"{path}, {row}")
        line, cells = row
        missing = [name for name in ("outcome", BY_HAND) if name not in cells]
        if missing:
            raise QuestionsError(f"{path} is no sample of an audit: it has no column {missing[0]!r}")
        if cells[BY_HAND].strip():
            annotations.append(_annotation(path, line, cells, group or {}))
    return annotations


def audit_run(path: Path) -> tuple[Audit, GradedTwice | None]:
    """Return what a run's audit found, and how its second grading agrees, if it has one.

    Raises:
        RunFolderError: the folder holds no audit.
        DamagedFileError: a file does not hold what it should.
    """
    folder = run_folder(path)
    stages = folder.entries() if is_run(folder.path) else {}
    if "grades" not in stages:
        raise RunFolderError(f"{path} has no grades: name the folder of a run, or the filled-in {AUDIT_SAMPLE} of one")
    run = Run(folder, last="grid" if "grid" in stages else "grades")
    return RunData(run).audit, read_comparison(run)


def audit_file(path: Path, auc: float | None = None) -> Agreement:
    """Say how the grades of a run agree with a filled-in sample of it.

    Args:
        path: The sample, in the run's folder.
        auc: The AUC to speak of; by default that of the run's best cell on the test part.

    Raises:
        QuestionsError: the sample cannot be read.
        NotEnoughDataError: too little of it is filled in.
    """
    folder = run_folder(path.parent)
    stages = folder.entries() if is_run(folder.path) else {}
    if "grades" not in stages:
        annotations = read_annotations(path, {})
        outcomes, measured = [row.graded for row in annotations], auc
    else:
        has_map = "grid" in stages
        data = RunData(Run(folder, last="grid" if has_map else "grades"))
        annotations = read_annotations(path, _groups(data))
        outcomes = [grade.outcome for grade in data.grades]
        measured = data.summary.test.value if has_map and auc is None else auc
    return measure_agreement(annotations, outcomes.count(Outcome.RIGHT), outcomes.count(Outcome.WRONG), measured)


def _groups(data: RunData) -> dict[str, str]:
    """Return what each question with a scored answer belongs with."""
    return {row.question_id: group for row, group in zip(data.labels.ids, data.labels.group, strict=True)}


def _annotation(path: Path, line: int, cells: Mapping[str, str], group: Mapping[str, str]) -> Annotation:
    by_hand = cells[BY_HAND].strip().casefold()
    if by_hand not in _HAND_OUTCOMES:
        raise QuestionsError(f"{path}, line {line}, column {BY_HAND}: expected right or wrong, got {by_hand[:40]!r}")
    graded = cells["outcome"].strip()
    if graded not in set(Outcome):
        raise QuestionsError(f"{path}, line {line}, column outcome: {graded[:40]!r} is no outcome; leave it as it was")
    span = cells.get(SPAN_BY_HAND, "").strip().casefold()
    if span and span not in _HAND_OUTCOMES:
        raise QuestionsError(f"{path}, line {line}, column {SPAN_BY_HAND}: expected right or wrong, got {span[:40]!r}")
    good = None if not span else _HAND_OUTCOMES[span] is Outcome.RIGHT
    asked = cells.get("question_id", "")
    return Annotation(Outcome(graded), _HAND_OUTCOMES[by_hand], good, group.get(asked, asked))


def is_filled_in(path: Path) -> bool:
    """Say whether anything stands in the columns for a person; a file that cannot be read counts as theirs."""
    try:
        rows = list(read_csv(path))
    except QuestionsError:
        return True
    return any(isinstance(row, RowIssue) or row[1].get(BY_HAND) or row[1].get(SPAN_BY_HAND) for row in rows)
