"""Answers that came with their questions: taken as they are, with what the model thinks of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from truthmap.answers.log_likelihood import score_tokens
from truthmap.answers.to_answer import ready_answer
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import Job, Tally
from truthmap.files import AnyPath
from truthmap.records import Answer, Question
from truthmap.runs.tables import read_part, write_part
from truthmap.terminal.progress import Advance


def ready_answers(run: ActiveRun, questions: Sequence[Question]) -> list[Answer]:
    """Return the answers that came with their questions, with the log-probabilities of their tokens.

    An engine that has the model's weights for itself keeps them while others are to be answered: then `score_bare`
    gives these their log-probabilities, when all are.
    """
    ready = [ready_answer(run.tokens, q.id, run.prompt_ids(q), q.answer) for q in questions if q.answer is not None]
    if len(ready) < len(questions) and run.study.answers.engine.loads_by_name:
        return ready
    return score_ready(run, ready, lambda _done: None)


def score_ready(run: ActiveRun, ready: Sequence[Answer], advance: Advance) -> list[Answer]:
    """Return the answers with the log-probabilities of their tokens; those without tokens have none."""
    read = [answer for answer in ready if answer.answer_ids]
    if not read:
        return list(ready)
    sequences = [(answer.prompt_ids, answer.answer_ids) for answer in read]
    scores = score_tokens(run.model, sequences, run.study.resources.batch_tokens)
    advance(len(read))
    found = {answer.key: scored.log_probs for answer, scored in zip(read, scores, strict=True)}
    return [replace(answer, log_probs=found.get(answer.key, ())) for answer in ready]


def score_bare(run: ActiveRun, shards: Sequence[Sequence[Question]], files: Sequence[AnyPath]) -> None:
    """Give log-probabilities to the answers that came ready among others that an engine was asked for.

    Args:
        run: The run; all its shards are answered.
        shards: The questions of each shard.
        files: The answers of each shard; those that change are written anew.
    """
    kept: dict[int, tuple[Answer, ...]] = {}
    jobs = []
    for number, (questions, file) in enumerate(zip(shards, files, strict=True)):
        ready = {question.id for question in questions if question.answer is not None}
        if not ready or not run.study.answers.engine.loads_by_name:
            continue
        kept[number] = read_part(file, Answer)
        bare = [a for a in kept[number] if a.question_id in ready and a.answer_ids and not a.log_probs]
        if bare:
            jobs.append(Job(number, tuple(a.question_id for a in bare), bare, len(bare)))
    if not jobs:
        return
    with run.progress.stage("Scoring ready answers", sum(job.size for job in jobs)) as advance:
        for scored in run.executor.map(score_ready, jobs, Tally(advance, 0)):
            fresh = {answer.key: answer for answer in scored.result}
            answers = [fresh.get(answer.key, answer) for answer in kept[scored.number]]
            write_part(files[scored.number], Answer, answers)
