"""Answers that came with their questions: taken as they are, with what the model thinks of their tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from truthmap.answers.log_likelihood import score_tokens
from truthmap.answers.prompt import GeneratedBatch
from truthmap.answers.to_answer import ready_answer
from truthmap.execution.active_run import ActiveRun
from truthmap.records import Answer, Question, Site
from truthmap.terminal.progress import Advance


def ready_answers(run: ActiveRun, questions: Sequence[Question]) -> list[Answer]:
    """Return the answers that came with their questions, without log-probabilities."""
    return [ready_answer(run.tokens, q.id, run.prompt_ids(q), q.answer) for q in questions if q.answer is not None]


def scored_answers(
    run: ActiveRun, ready: Sequence[Answer], sites: tuple[Site, ...], advance: Advance
) -> Iterator[GeneratedBatch]:
    """Give answers the log-probabilities of their tokens; those without tokens have none.

    The engine does it where it can, and keeps their states on the way; else the loaded model.
    """
    scorer = run.engine.scorer if ready and run.study.answers.engine.scores else None
    if scorer is not None:
        yield from scorer.score(ready, sites, advance)
    elif ready:
        yield GeneratedBatch(tuple(_scored_here(run, ready)), None)


def _scored_here(run: ActiveRun, ready: Sequence[Answer]) -> list[Answer]:
    read = [answer for answer in ready if answer.answer_ids]
    if not read:
        return list(ready)
    sequences = [(answer.prompt_ids, answer.answer_ids) for answer in read]
    scores = score_tokens(run.model, sequences, run.study.resources.batch_tokens)
    found = {answer.key: scored.log_probs for answer, scored in zip(read, scores, strict=True)}
    return [replace(answer, log_probs=found.get(answer.key, ())) for answer in ready]
