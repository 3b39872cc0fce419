"""Answers that outlive a change of the questions: what was asked before and is asked in the same way again."""

from __future__ import annotations

from collections.abc import Mapping

from truthmap.execution.active_run import ActiveRun
from truthmap.files import FolderPath, digest_of
from truthmap.records import Answer, Question
from truthmap.runs.file_names import ANSWERS, KEPT_ANSWERS
from truthmap.runs.tables import kept_part, read_records, write_part
from truthmap.settings_base import keyed
from truthmap.study.stage_settings import generate_settings

"""The folder in which they wait for the stage of the answers."""
ASKED = "asked"
"""In the note of that stage: the digest of how its questions were asked."""

LIMIT = "max_new_tokens"
"""In the note of that stage: how long an answer might be, where that is not what the settings alone say."""


def asked_digest(run: ActiveRun) -> str:
    """Return the digest of what an answer depends on besides its question and the model's weights."""
    study = run.study
    new = generate_settings(study, run.question_set.task).max_new_tokens
    return digest_of([keyed(study.model), keyed(study.answers), dict(study.answers.engine.note()), new])


def keep_answers(run: ActiveRun, identity: Mapping[str, str] | None, known: Mapping[str, str] | None) -> None:
    """Lay the folder's answers aside before its questions change, where the same model is asked in the same way.

    Args:
        run: The run that is about to begin.
        identity: Its model's identity; `None`: it is not asked.
        known: The identity of the model that gave the answers, if the folder says it.
    """
    entry = run.folder.entry("answers")
    if entry is None or identity is None or identity != known or entry.key == run.keys["answers"]:
        return
    if entry.note.get(ASKED) == asked_digest(run) and not run.folder.broken_files(entry):
        write_part(_file(run), Answer, read_records(run.folder / ANSWERS, Answer))


def kept_answers(run: ActiveRun) -> dict[str, Answer]:
    """Return the answers that were laid aside, by question id, of the questions whose whole prompt is the same now.

    Those that came with their questions are not among them: they are read anew.
    """
    by_id = {answer.question_id: answer for answer in kept_part(_file(run), Answer, run.progress.say) or ()}
    return {q.id: by_id[q.id] for q in run.question_set.questions if q.id in by_id and _is_same(run, q, by_id[q.id])}


def _is_same(run: ActiveRun, question: Question, answer: Answer) -> bool:
    return question.answer is None and answer.sample == 0 and answer.prompt_ids == run.prompt_ids(question)


def _file(run: ActiveRun) -> FolderPath:
    return run.folder / KEPT_ANSWERS / f"{asked_digest(run)[:16]}.parquet"
