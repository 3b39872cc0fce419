"""The stage that gets the answers, and the hidden states along with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from truthmap.pipeline.capturing import ShardRows, write_shard
from truthmap.pipeline.estimate import announce
from truthmap.pipeline.grades import grade_all, needs_help
from truthmap.pipeline.settings import SHARD, generate_settings
from truthmap.pipeline.tables import read_records, write_records
from truthmap.pipeline.work import Made, Work
from truthmap.records import Answer, Question

if TYPE_CHECKING:
    import numpy as np

    from truthmap.store import StateShard

_LONGEST_PROMPT = 20_000
"""Characters of the first prompt that are written down for readers."""


def answer_questions(work: Work) -> Made:
    """Ask every question, shard after shard; each finished shard is kept."""
    questions = work.question_set.questions
    parts = work.path("parts") / work.keys["answers"][:16]
    starts = range(0, len(questions), SHARD)
    files = [parts / f"{number:05d}.parquet" for number, _ in enumerate(starts)]
    missing = [start for start, file in zip(starts, files, strict=True) if not file.exists()]
    if missing:
        announce(work, [question for start in missing for question in questions[start : start + SHARD]])
    kept = sum(SHARD for file in files if file.exists())
    with work.progress.stage("Answering", len(questions), min(kept, len(questions))) as advance:
        for number, (start, file) in enumerate(zip(starts, files, strict=True)):
            shard = questions[start : start + SHARD]
            if not file.exists():
                write_records(file, Answer, _answer_shard(work, number, shard, partial(_after, start, advance)))
            advance(start + len(shard))
    answers = [answer for file in files for answer in read_records(file, Answer)]
    write_records(work.path("answers.parquet"), Answer, answers)
    return Made(["answers.parquet"], {"first_prompt": _first_prompt(work, answers)}, scratch=["parts"])


def _first_prompt(work: Work, answers: Sequence[Answer]) -> str:
    """Give the first prompt as it was sent: the text of its ids, special tokens included."""
    text = work.model.tokenizer.decode(list(answers[0].prompt_ids), skip_special_tokens=False)
    assert isinstance(text, str)
    return text[:_LONGEST_PROMPT]


def _after(start: int, advance: Callable[[int], None], done: int) -> None:
    advance(start + done)


def _answer_shard(
    work: Work, number: int, questions: Sequence[Question], advance: Callable[[int], None]
) -> list[Answer]:
    """Answer one shard of questions, in their order; its states, if kept on the way, are written first.

    The shard counts as finished when its answers are there, so a kill between the two loses nothing.
    """
    from truthmap.answers import Prompt, generate_answers, ready_answer
    from truthmap.capture import gather

    answers = {
        q.id: ready_answer(work.model, q.id, work.prompt_ids(q), q.answer) for q in questions if q.answer is not None
    }
    prompts = [Prompt(q.id, work.prompt_ids(q)) for q in questions if q.id not in answers]
    # Answers that came ready are read in a pass of their own, which then takes the whole shard; so are those that a
    # model has yet to grade or locate.
    sites = () if answers or needs_help(work) else work.study.sites
    settings = generate_settings(work.study, work.question_set.task)
    pieces: list[StateShard] = []
    positions: dict[str, np.ndarray[Any, np.dtype[np.int32]]] = {}
    for batch in generate_answers(work.model, prompts, settings, sites, advance):
        answers.update((answer.question_id, answer) for answer in batch.answers)
        if batch.states is not None:
            rows = ShardRows.of(batch.answers, grade_all(work, batch.answers))
            positions.update(rows.positions)
            pieces.append(gather(batch.states, rows.positions))
    in_order = [answers[question.id] for question in questions]
    if positions:
        scored = tuple(answer for answer in in_order if answer.question_id in positions)
        write_shard(work, number, ShardRows(scored, positions), pieces)
    return in_order
