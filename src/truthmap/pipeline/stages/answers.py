"""The stage that gets the answers, and the hidden states along with them where the engine keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truthmap.answers.batch_budget import states_fit_on_the_way
from truthmap.arrays import Ints32
from truthmap.capture.gather import gather
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.estimate import announce
from truthmap.execution.executor import Job, Tally
from truthmap.files import AnyPath
from truthmap.pipeline.kept_answers import ASKED, LIMIT, asked_digest, kept_answers
from truthmap.pipeline.stages.base import StageResult
from truthmap.pipeline.stages.ready_answers import ready_answers, score_bare
from truthmap.pipeline.stages.states import ShardRows, by_answer, put_shard, record_shard
from truthmap.positions import LocatedPositions
from truthmap.records import Answer, Question, RowKey
from truthmap.runs.file_names import ANSWERS, KEPT_ANSWERS, PARTS
from truthmap.runs.tables import join_tables, kept_part, read_part, write_part
from truthmap.store.entries import ShardEntry
from truthmap.store.shards import StateShard
from truthmap.study.stage_settings import generate_settings
from truthmap.terminal.progress import Advance


@dataclass(frozen=True)
class AnsweredShard:
    """The answers of a shard, and the entry of its states' file where they were kept on the way."""

    answers: tuple[Answer, ...]
    states: ShardEntry | None


_LONGEST_PROMPT = 20_000
"""Characters of the first prompt that are written down for readers."""


def answer_questions(run: ActiveRun) -> StageResult:
    """Ask every question, shard after shard; each finished shard is kept.

    What was answered before the questions of the study changed, and is asked in the same way, is not asked again.
    """
    questions = run.question_set.questions
    engine = run.study.answers.engine
    note = engine.note()
    size = max(run.study.states.shard, engine.smallest_shard)
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
    jobs = [Job(n, tuple(q.id for q in asked[n]), (n, asked[n]), len(asked[n])) for n in missing if asked[n]]
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
            # States of a part of a shard are of no use: the next stage captures those of the whole.
            if answered.result.states is not None and len(fresh) == len(shards[n]):
                record_shard(run, n, answered.result.states)
            write_part(files[n], Answer, [fresh.get(q.id) or kept[q.id] for q in shards[n]])
    score_bare(run, shards, files)
    join_tables(run.folder / ANSWERS, files)
    (first,) = run.executor.map(prompt_text, [Job(0, (), _first_prompt(files[0]), 1)], Tally(_unseen))
    told = {"first_prompt": first.result, ASKED: asked_digest(run), **_limit(run)}
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


def answer_shard(run: ActiveRun, shard: tuple[int, Sequence[Question]], advance: Advance) -> AnsweredShard:
    """Answer one shard of questions, in their order; the file of its states, if kept on the way, is written."""
    number, questions = shard
    answers = {answer.question_id: answer for answer in ready_answers(run, questions)}
    prompts = [run.prompt(q) for q in questions if q.id not in answers]
    # Answers that came ready are read in a pass of their own, which then takes the whole shard; so are those that a
    # model has yet to grade or locate, and all where a position may lie inside the prompt, which decoding does not see.
    within_prompt = any(p.rule.may_read_prompt for p in run.study.states.columns)
    sites = () if answers or run.grading_asks_a_model or within_prompt else run.study.states.sites
    settings = run.generate_settings
    if run.study.answers.engine.keeps_states and not states_fit_on_the_way(run.model, prompts, settings, sites):
        sites = ()  # the next stage reads the answers once more
    pieces: list[StateShard] = []
    index: dict[RowKey, Ints32] = {}
    end: dict[RowKey, Ints32] = {}
    for batch in run.engine.answer(prompts, settings, sites, advance) if prompts else ():
        answers.update((answer.question_id, answer) for answer in batch.answers)
        if batch.states is not None:
            grades = run.grade(batch.answers)
            rows = ShardRows.of(batch.answers, by_answer(grades.values()), run.study.states)
            index.update(rows.located.index)
            end.update(rows.located.end)
            pieces.append(gather(batch.states, rows.located))
            if run.preview is not None:
                run.preview.add(len(batch.answers), grades, pieces[-1])
    in_order = tuple(answers[question.id] for question in questions)
    if not index:
        return AnsweredShard(in_order, None)
    located_answers = {row.answer for row in index}
    scored = tuple(answer for answer in in_order if answer.key in located_answers)
    located = LocatedPositions(pieces[0].positions, index, end)
    return AnsweredShard(in_order, put_shard(run, number, ShardRows(scored, located), pieces))
