"""The stage that gets the answers, and the hidden states along with them where the engine keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from truthmap.answers.batch_budget import states_fit_on_the_way
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.capturing import captures_on_the_way
from truthmap.execution.estimate import announce
from truthmap.execution.executor import Job, Tally
from truthmap.files import AnyPath
from truthmap.pipeline.kept_answers import ASKED, LIMIT, asked_digest, kept_answers
from truthmap.pipeline.stages.base import StageResult
from truthmap.pipeline.stages.on_the_way import StatesOnTheWay
from truthmap.pipeline.stages.ready_answers import ready_answers, scored_answers
from truthmap.pipeline.stages.states import record_shard
from truthmap.records import Answer, Question
from truthmap.runs.file_names import ANSWERS, KEPT_ANSWERS, PARTS
from truthmap.runs.tables import join_tables, kept_part, read_part, write_part
from truthmap.store.entries import ShardEntry
from truthmap.study.stage_settings import generate_settings
from truthmap.terminal.progress import Advance


@dataclass(frozen=True)
class AnsweredShard:
    """The answers of a shard, and by their numbers the files of the states that were kept on the way."""

    answers: tuple[Answer, ...]
    states: Mapping[int, ShardEntry]


_LONGEST_PROMPT = 20_000
"""Characters of the first prompt that are written down for readers."""


def answer_questions(run: ActiveRun) -> StageResult:
    """Ask every question, shard after shard; each finished shard is kept.

    What was answered before the questions of the study changed, and is asked in the same way, is not asked again.
    """
    questions = run.question_set.questions
    engine = run.study.answers.engine
    note = engine.note()
    # As many whole shards of states as an engine wants that batches by itself.
    per_shard = -(-engine.smallest_shard // run.study.states.shard)
    size = per_shard * run.study.states.shard
    parts = (
        run.folder
        / PARTS
        / "-".join([run.keys["answers"][:16], str(size), *(v.replace(" ", "-") for v in note.values())])
    )
    shards = [questions[start : start + size] for start in range(0, len(questions), size)]
    files = [parts / f"{number:05d}.parquet" for number, _ in enumerate(shards)]
    missing = [number for number, file in enumerate(files) if kept_part(file, Answer, run.progress.say) is None]
    kept = kept_answers(run) if missing else {}
    asked = {n: [q for q in shards[n] if q.id not in kept] for n in missing}
    # States of a part of a shard are of no use: the next stage captures those of the whole.
    first = {n: n * per_shard if len(asked[n]) == len(shards[n]) else None for n in missing}
    jobs = [Job(n, tuple(q.id for q in asked[n]), (first[n], asked[n]), len(asked[n])) for n in missing if asked[n]]
    if jobs and run.study.resources.cluster is None:
        announce(run, [question for job in jobs for question in asked[job.number]])
    done = len(questions) - sum(job.size for job in jobs)
    for n in missing:
        if not asked[n]:
            write_part(files[n], Answer, [kept[q.id] for q in shards[n]])
    with run.progress.stage("Answering", len(questions), done) as advance:
        for answered in run.executor.map(answer_shard, jobs, Tally(advance, done)):
            # The shard counts as finished when its answers are there, so a kill between the two loses nothing.
            n, fresh = answered.number, {answer.question_id: answer for answer in answered.result.answers}
            for written, entry in answered.result.states.items():
                record_shard(run, written, entry)
            write_part(files[n], Answer, [fresh.get(q.id) or kept[q.id] for q in shards[n]])
    join_tables(run.folder / ANSWERS, files)
    (shown,) = run.executor.map(prompt_text, [Job(0, (), _first_prompt(files[0]), 1)], Tally(_unseen))
    told = {"first_prompt": shown.result, ASKED: asked_digest(run), **_limit(run)}
    return StageResult([ANSWERS], {**told, **note}, scratch=[PARTS, KEPT_ANSWERS])


def _limit(run: ActiveRun) -> dict[str, int]:
    """Return, for the ledger, how long an answer may be where the model thinks, which only the model itself tells."""
    own = generate_settings(run.study, run.question_set.task).max_new_tokens
    asked = run.generate_settings.max_new_tokens
    return {} if asked == own else {LIMIT: asked}


def _first_prompt(file: AnyPath) -> tuple[int, ...]:
    return read_part(file, Answer)[0].prompt_ids


def _unseen(done: int) -> None:
    """Show nothing."""


def prompt_text(run: ActiveRun, ids: tuple[int, ...], advance: Advance) -> str:  # noqa: ARG001 (every job is called so)
    """Return a prompt as it was sent: the text of its ids, special tokens included, cut where it gets long."""
    text = run.tokens.tokenizer.decode(list(ids), skip_special_tokens=False)
    assert isinstance(text, str)
    return text[:_LONGEST_PROMPT]


def answer_shard(run: ActiveRun, shard: tuple[int | None, Sequence[Question]], advance: Advance) -> AnsweredShard:
    """Answer one shard of questions, in their order; files of states that are kept on the way are written.

    Args:
        run: The run.
        shard: The number of its first shard of states, or `None` where none is to be kept, and the questions.
        advance: Told how many are answered.
    """
    number, questions = shard
    engine, ready = run.study.answers.engine, ready_answers(run, questions)
    prompts = [run.prompt(q) for q in questions if q.answer is None]
    # Answers that came ready are read in a pass of their own, which then takes the whole shard, unless the engine keeps
    # their states, too; so are those that a model has yet to grade or locate, and all where a position may lie inside
    # the prompt, which decoding does not see.
    within_prompt = any(p.rule.may_read_prompt for p in run.study.states.columns)
    afterwards = within_prompt or run.grading_asks_a_model or not captures_on_the_way(run.study)
    sites = () if number is None or afterwards or (ready and not engine.scores) else run.study.states.sites
    settings = run.generate_settings
    if engine.answers_here and not states_fit_on_the_way(run.model, prompts, settings, sites):
        sites = ()  # the next stage reads the answers once more
    ids, size = [question.id for question in questions], run.study.states.shard
    parts = [ids[start : start + size] for start in range(0, len(ids), size)]
    kept = StatesOnTheWay(run, [] if number is None or not sites else list(enumerate(parts, number)))
    answers: dict[str, Answer] = {}

    def advance_further(done: int) -> None:
        advance(len(ready) + done)

    answered = run.engine.answer(prompts, settings, sites, advance_further) if prompts else ()
    for batch in chain(scored_answers(run, ready, sites, advance), answered):
        answers.update((answer.question_id, answer) for answer in batch.answers)
        kept.take(batch)
    return AnsweredShard(tuple(answers[i] for i in ids), kept.written)
