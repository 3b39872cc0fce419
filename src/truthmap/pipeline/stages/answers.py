"""The stage that gets the answers, and the hidden states along with them where the engine keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from truthmap.arrays import Ints32
from truthmap.errors import DamagedFileError
from truthmap.execution.active_run import Made, Work
from truthmap.execution.estimate import announce
from truthmap.execution.executor import Job, Tally
from truthmap.execution.models import engine_note
from truthmap.pipeline.stages.grades import grade_all, needs_help
from truthmap.pipeline.stages.states import ShardRows, put_shard, record_shard
from truthmap.positions import LocatedPositions
from truthmap.records import Answer, Question
from truthmap.runs.tables import join_tables, read_records, write_records
from truthmap.study.settings import SHARD, generate_settings
from truthmap.terminal.progress import Advance

if TYPE_CHECKING:
    from truthmap.store.shards import ShardEntry, StateShard


@dataclass(frozen=True)
class AnsweredShard:
    """The answers of a shard, and the entry of its states' file where they were kept on the way."""

    answers: tuple[Answer, ...]
    states: ShardEntry | None


_AT_ONCE = 1024
"""Answers in a shard for vLLM, which batches by itself and is the faster the more it has to do."""
_LONGEST_PROMPT = 20_000
"""Characters of the first prompt that are written down for readers."""


def answer_questions(work: Work) -> Made:
    """Ask every question, shard after shard; each finished shard is kept."""
    questions = work.question_set.questions
    note = engine_note(work.study)
    parts = work.path("parts") / "-".join([work.keys["answers"][:16], *(v.replace(" ", "-") for v in note.values())])
    size = _AT_ONCE if work.study.engine == "vllm" else SHARD
    shards = [questions[start : start + size] for start in range(0, len(questions), size)]
    files = [parts / f"{number:05d}.parquet" for number, _ in enumerate(shards)]
    missing = [number for number, file in enumerate(files) if not _is_kept(work, file)]
    jobs = [Job(n, tuple(q.id for q in shards[n]), (n, shards[n]), len(shards[n])) for n in missing]
    if jobs and work.study.cluster is None:
        announce(work, [question for number in missing for question in shards[number]])
    done = len(questions) - sum(job.size for job in jobs)
    with work.progress.stage("Answering", len(questions), done) as advance:
        for answered in work.executor.map(answer_shard, jobs, Tally(advance, done)):
            # The shard counts as finished when its answers are there, so a kill between the two loses nothing.
            if answered.result.states is not None:
                record_shard(work, answered.number, answered.result.states)
            write_records(files[answered.number], Answer, answered.result.answers)
    join_tables(work.path("answers.parquet"), files)
    (first,) = work.executor.map(prompt_text, [Job(0, (), _first_prompt(files[0]), 1)], Tally(_unseen))
    return Made(["answers.parquet"], {"first_prompt": first.result, **note}, scratch=["parts"])


def _first_prompt(file: Path) -> tuple[int, ...]:
    return read_records(file, Answer)[0].prompt_ids


def _unseen(done: int) -> None:
    """Show nothing."""


def prompt_text(work: Work, ids: tuple[int, ...], advance: Advance) -> str:  # noqa: ARG001 (every job is called so)
    """Return a prompt as it was sent: the text of its ids, special tokens included, cut where it gets long."""
    text = work.tokens.tokenizer.decode(list(ids), skip_special_tokens=False)
    assert isinstance(text, str)
    return text[:_LONGEST_PROMPT]


def _is_kept(work: Work, file: Path) -> bool:
    if not file.exists():
        return False
    try:
        read_records(file, Answer)
    except DamagedFileError:
        work.progress.say(f"{file} is damaged; asking its questions again")
        return False
    return True


def answer_shard(work: Work, shard: tuple[int, Sequence[Question]], advance: Advance) -> AnsweredShard:
    """Answer one shard of questions, in their order; the file of its states, if kept on the way, is written."""
    from truthmap.answers.ready import ready_answer
    from truthmap.capture.gather import gather

    number, questions = shard
    answers = {
        q.id: ready_answer(work.tokens, q.id, work.prompt_ids(q), q.answer) for q in questions if q.answer is not None
    }
    prompts = [work.prompt(q) for q in questions if q.id not in answers]
    # Answers that came ready are read in a pass of their own, which then takes the whole shard; so are those that a
    # model has yet to grade or locate.
    sites = () if answers or needs_help(work) else work.study.sites
    settings = generate_settings(work.study, work.question_set.task)
    pieces: list[StateShard] = []
    index: dict[str, Ints32] = {}
    for batch in work.engine.answer(prompts, settings, sites, advance):
        answers.update((answer.question_id, answer) for answer in batch.answers)
        if batch.states is not None:
            rows = ShardRows.of(batch.answers, grade_all(work, batch.answers))
            index.update(rows.located.index)
            pieces.append(gather(batch.states, rows.located))
    in_order = tuple(answers[question.id] for question in questions)
    if not index:
        return AnsweredShard(in_order, None)
    scored = tuple(answer for answer in in_order if answer.question_id in index)
    located = LocatedPositions(pieces[0].positions, index)
    return AnsweredShard(in_order, put_shard(work, number, ShardRows(scored, located), pieces))
