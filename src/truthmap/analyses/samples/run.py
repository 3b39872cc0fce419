"""Several answers to each question of a finished run: drawn, graded, and more of them drawn later."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

from truthmap.analyses.base import AnalysisResult
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.answers.prompt import GenerateSettings
from truthmap.errors import RunFolderError, UsageError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import Job, Tally
from truthmap.execution.reopen import reopen, require_same_model
from truthmap.files import AnyPath, digest_of
from truthmap.records import Answer, Grade, Split
from truthmap.runs.data import RunData
from truthmap.runs.file_names import SAMPLE_GRADES, SAMPLE_PARTS, SAMPLES
from truthmap.runs.run import Run
from truthmap.runs.stored_run import StoredRun
from truthmap.runs.tables import kept_part, read_part, read_records, records_in, write_part, write_records
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.terminal.progress import Advance, Progress

Kind = TypeVar("Kind", Answer, Grade)

STAGE = "samples"
_GRADED_BY = "graded_by"
"""In the ledger's note: the key of the stage by whose settings the samples were graded."""
_BEFORE = "before.parquet"
"""Among the parts: the samples that there were when more of them were drawn."""

SHARD = 512
"""Samples in a shard: a killed command repeats at most one."""


@dataclass(frozen=True, repr=False)
class Samples(AnalysisResult):
    """The samples of a run: for each question its answers and grades, both in the order of their keys, from sample 1.

    Attributes:
        settings: How they were drawn; `k` is what every sampled question has at least.
        answers: By question id.
        grades: By question id.
    """

    settings: SampleSettings
    answers: Mapping[str, tuple[Answer, ...]]
    grades: Mapping[str, tuple[Grade, ...]]

    @cached_property
    def question_ids(self) -> tuple[str, ...]:
        """The sampled questions."""
        return tuple(self.answers)

    def graded(self, question_id: str) -> tuple[tuple[Answer, Grade], ...]:
        """Return the rows of a question's samples: each claim's answer and grade."""
        answers = {answer.key: answer for answer in self.answers[question_id]}
        return tuple((answers[grade.key.answer], grade) for grade in self.grades[question_id])


def sample_answers(
    run: Run,
    settings: SampleSettings | None = None,
    *,
    reopening: ReopenSettings | None = None,
    progress: Progress | None = None,
) -> Samples:
    """Draw K answers to each question of a run, or only what is missing of them.

    Each token's draw depends on (seed, question, sample, place) alone. Killed at any time, the same call goes on. Asked
    to stop (Ctrl-C, SIGTERM), it finishes the shard under way.

    Raises:
        PartialError: shards failed three times on a cluster; all others are drawn and kept.
        RunFolderError: the folder is in use, or the model or the questions are not the run's any more.
        UsageError: all answers came with their questions.
    """
    settings = settings or SampleSettings()
    active, data = reopen(run, reopening, progress), RunData.load(run)
    if answers_came_ready(data):
        raise UsageError(
            f"there is nothing to sample in {run.address}: all its answers came with their questions, and the model's "
            "own would say nothing of them; what needs no samples is measured by `truthmap compare`"
        )
    with (
        run.held(active.progress.say),
        active.stop.listening(active.progress.say),
        closing(active.models),
        closing(active.executor),
    ):
        started = time.perf_counter()
        key = _key(active.keys["answers"], settings)
        kept = _kept(active, key)
        fresh = _draw(data, active, settings, kept, key)
        by_sample: dict[int, list[Answer]] = {}
        for answer in [*kept, *fresh]:
            by_sample.setdefault(answer.sample, []).append(answer)
        # Sample by sample, so that what a model says of the first ones does not depend on how many were drawn later.
        grades = [grade for its_own in by_sample.values() for grade in active.grade(its_own).values()]
        order = {question.id: n for n, question in enumerate(data.questions)}
        answers = sorted([*kept, *fresh], key=partial(_place, order))
        grades.sort(key=partial(_place, order))
        # Whoever is killed between the two files and the ledger finds all that was drawn among the parts.
        if kept and fresh:
            write_part(_parts(active, key) / _BEFORE, Answer, kept)
        write_records(active.folder / SAMPLES, Answer, answers)
        write_records(active.folder / SAMPLE_GRADES, Grade, grades)
        note = {**settings.model_dump(), _GRADED_BY: active.keys["grades"]}
        active.folder.finish(STAGE, key, [SAMPLES, SAMPLE_GRADES], time.perf_counter() - started, note)
        active.folder.remove(SAMPLE_PARTS)
    return _samples(settings, answers, grades)


def read_samples(run: StoredRun) -> Samples:
    """Read a run's samples.

    Raises:
        RunFolderError: there are none, or they were drawn for other answers than the run now has.
    """
    entry, stages = run.added(STAGE), run.snapshot.stages
    if entry is None:
        raise RunFolderError(f"{run.address} has no samples; draw some with `truthmap sample {run.address} --k 10`")
    note = dict(entry.note)
    graded_by = note.pop(_GRADED_BY, None)
    settings = SampleSettings.of(note)
    again = f"`truthmap sample {run.address} --k {settings.k}`"
    if entry.key != _key(stages["answers"].key, settings):
        raise RunFolderError(
            f"the samples in {run.address} belong to an earlier version of the run; draw them again with {again}"
        )
    if graded_by != stages["grades"].key:
        raise RunFolderError(
            f"the samples in {run.address} were graded as an earlier version of the run was; {again} grades them anew"
        )
    with run.snapshot.open(SAMPLES) as answers, run.snapshot.open(SAMPLE_GRADES) as grades:
        return _samples(
            settings,
            records_in(answers, run.folder / SAMPLES, Answer),
            records_in(grades, run.folder / SAMPLE_GRADES, Grade),
        )


def _samples(settings: SampleSettings, answers: Sequence[Answer], grades: Sequence[Grade]) -> Samples:
    drawn = _by_question(answers)
    fewest = min(map(len, drawn.values()), default=0)
    return Samples(settings.model_copy(update={"k": fewest}), drawn, _by_question(grades))


def answers_came_ready(data: RunData) -> bool:
    """Tell whether all answers of a run came with their questions, so that none can be sampled."""
    return all(question.answer is not None for question in data.questions)


def has_samples(run: StoredRun) -> bool:
    """Tell whether a run has samples."""
    return run.folder.entry(STAGE) is not None


def _key(answers_key: str, settings: SampleSettings) -> str:
    """Return the digest of what a sample depends on; how many there are is no part of it."""
    return digest_of({"answers": answers_key, "own": settings.model_dump(exclude={"k", "part"})})


def _kept(active: ActiveRun, key: str) -> Sequence[Answer]:
    """Return the samples that are drawn: those in the ledger, or those that a killed command had before it ended."""
    folder = active.folder
    entry = folder.entry(STAGE)
    if entry is not None and entry.key == key and SAMPLES not in folder.broken_files(entry):
        return read_records(folder / SAMPLES, Answer)
    return kept_part(_parts(active, key) / _BEFORE, Answer, active.progress.say) or ()


def _draw(data: RunData, active: ActiveRun, settings: SampleSettings, kept: Sequence[Answer], key: str) -> list[Answer]:
    """Draw what is missing, shard after shard; each finished shard is kept."""
    wanted = list(_missing(data, settings, {(answer.question_id, answer.sample) for answer in kept}))
    shards = [wanted[start : start + SHARD] for start in range(0, len(wanted), SHARD)]
    files = [_parts(active, key) / f"{digest_of(shard)[:16]}.parquet" for shard in shards]
    if not wanted:
        active.progress.say(f"nothing to do: {data.run.address} has these samples")
        return []
    sampled = replace(
        active.generate_settings, temperature=settings.temperature, top_p=settings.top_p, seed=settings.seed
    )
    jobs = [
        Job(number, tuple(i for i, _ in shard), (tuple(shard), sampled), len(shard))
        for number, (shard, file) in enumerate(zip(shards, files, strict=True))
        if kept_part(file, Answer, active.progress.say) is None
    ]
    if jobs:
        _require_same_engine(data.run, active)
        require_same_model(data.run, active)
    done = len(wanted) - sum(job.size for job in jobs)
    with active.progress.stage("Sampling", len(wanted), done) as advance:
        for drawn in active.executor.map(draw_shard, jobs, Tally(advance, done)):
            write_part(files[drawn.number], Answer, drawn.result)
    return [answer for file in files for answer in read_part(file, Answer)]


def draw_shard(
    active: ActiveRun, shard: tuple[Sequence[tuple[str, int]], GenerateSettings], advance: Advance
) -> tuple[Answer, ...]:
    """Draw the samples of one shard: (question id, sample number), and how."""
    wanted, settings = shard
    prompts = [active.prompt(active.questions_by_id[i], sample) for i, sample in wanted]
    batches = active.engine.answer(prompts, settings, on_progress=advance)
    return tuple(answer for batch in batches for answer in batch.answers)


def _require_same_engine(run: StoredRun, active: ActiveRun) -> None:
    """Refuse to draw samples with another version of the engine than the one that gave the answers."""
    entry, now = active.folder.entry("answers"), active.study.answers.engine.note().get("engine")
    before = None if entry is None else entry.note.get("engine")
    if before != now:
        raise RunFolderError(
            f"the answers in {run.address} are from {before}, samples would be from {now}: install the version before"
        )


def _missing(data: RunData, settings: SampleSettings, known: set[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Return (question id, sample number) for all that is wanted and not known: a question's samples side by side.

    Questions whose answer came with them, or that leave no room for an answer, are not sampled.
    """
    test = {split.question_id for split in data.splits if split.split is Split.TEST}
    ready = {question.id for question in data.questions if question.answer is not None}
    for answer in data.answers:
        i = answer.question_id
        if answer.fault is None and i not in ready and (settings.part == "all" or i in test):
            for sample in range(1, settings.k + 1):
                if (i, sample) not in known:
                    yield i, sample


def _parts(active: ActiveRun, key: str) -> AnyPath:
    return active.folder / SAMPLE_PARTS / key[:16]


def _place(order: Mapping[str, int], record: Answer | Grade) -> tuple[int, int, int]:
    return order[record.question_id], record.sample, record.key.claim


def _by_question(records: Sequence[Kind]) -> dict[str, tuple[Kind, ...]]:
    found: dict[str, list[Kind]] = {}
    for record in records:
        found.setdefault(record.question_id, []).append(record)
    return {i: tuple(its_own) for i, its_own in found.items()}
