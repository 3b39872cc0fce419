"""The stage that sees to it that every scored answer has its hidden states in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from truthmap.errors import RunFolderError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import Job, Tally
from truthmap.files import digest_of
from truthmap.grading.token_spans import locate_ranges
from truthmap.pipeline.stages.base import StageResult
from truthmap.positions import LocatedPositions
from truthmap.records import Answer, Grade, Outcome, RowKey
from truthmap.runs.file_names import ANSWERS, GRADES
from truthmap.runs.tables import read_in_pieces, read_records
from truthmap.store.entries import ShardEntry
from truthmap.store.shards import StateShard, join_shards
from truthmap.store.store_dtype import StoreDtype
from truthmap.study.sections import StatesSection
from truthmap.terminal.progress import Advance


@dataclass(frozen=True)
class ShardRows:
    """The scored rows of a shard and where in their answers to look.

    Attributes:
        answers: The answers that have such rows, in their order in the shard.
        located: Where each row has its positions.
    """

    answers: tuple[Answer, ...]
    located: LocatedPositions

    @classmethod
    def of(
        cls, answers: Iterable[Answer], grades: Mapping[RowKey, Sequence[Grade]], settings: StatesSection
    ) -> ShardRows:
        """Keep what could be scored; `grades` are those of each answer's claims, by the answer's key."""
        pairs = [(a, g) for a in answers for g in grades[a.key] if g.outcome is not Outcome.UNSCORED]
        positions, drop = settings.columns, settings.drop_closing_token
        ranges = {g.key: locate_ranges(a, g.span, positions, drop_closing_token=drop) for a, g in pairs}
        return cls(tuple({a.key: a for a, _ in pairs}.values()), LocatedPositions.of(positions, ranges))

    @property
    def rows(self) -> tuple[RowKey, ...]:
        """The rows' keys, in the order of axis n of their states."""
        return tuple(row.key for row in self.located.rows_of(a.key for a in self.answers))

    def key(self, run: ActiveRun) -> str:
        """Return the digest of everything that the states of these rows depend on."""
        answers = {a.key: a for a in self.answers}
        rows = [
            [row, list(a.prompt_ids), list(a.answer_ids), self.located.index[row].tolist(), *self._ends(row)]
            for row in self.rows
            for a in (answers[row.answer],)
        ]
        kept = run.study.states
        own = {"answers": run.keys["answers"], "sites": [*kept.sites], "blocks": kept.blocks}
        if kept.store_dtype is not StoreDtype.AUTO:  # else keys are as they always were
            own["store_dtype"] = kept.store_dtype
        return digest_of({"own": own, "positions": [*map(str, self.located.positions)], "rows": rows})

    def _ends(self, row: RowKey) -> list[list[int]]:
        """Return where the row's positions end, where any is more than a token: else keys are as they always were."""
        return [self.located.end[row].tolist()] if row in self.located.end else []


def by_answer(grades: Iterable[Grade]) -> dict[RowKey, list[Grade]]:
    """Return the grades of each answer's claims, in their order, by the answer's key."""
    found: dict[RowKey, list[Grade]] = {}
    for grade in grades:
        found.setdefault(grade.key.answer, []).append(grade)
    return found


def put_shard(run: ActiveRun, number: int, rows: ShardRows, pieces: Sequence[StateShard]) -> ShardEntry:
    """Write the file of one shard's states, put together from pieces, in the rows' order."""
    return run.store.put(number, rows.key(run), join_shards(pieces, rows.rows), run.study.states.store_dtype)


def record_shard(run: ActiveRun, number: int, entry: ShardEntry) -> None:
    """Let a shard whose file a worker has written count.

    Raises:
        RunFolderError: the file is not where this process looks for it, or another has taken over the run folder.
    """
    run.folder.check_held()
    if not run.store.holds(number, entry):
        raise RunFolderError(
            f"a worker has written file {number} of the states, but it does not appear in {run.store.folder}: "
            "choose an --out that all machines share, or a --states-at that they all reach (s3://…)"
        )
    run.store.record(number, entry)


def capture_missing_states(run: ActiveRun) -> StageResult:
    """Capture the states of the shards that have none yet, or none that fit, or broken ones."""
    store = run.store
    for number, fault in store.misplaced().items():
        run.progress.say(f"{fault}; capturing its states again")
        store.forget(number)
    grades = by_answer(read_records(run.folder / GRADES, Grade))
    total, missing, wanted = 0, [], set()
    for number, rows in _shards(run, grades):
        wanted.add(number)
        total += len(rows.answers)
        if not store.has(number, rows.key(run), rows.rows):
            missing.append((number, len(rows.answers)))
    store.keep_only(wanted)
    done = total - sum(size for _, size in missing)
    if missing:
        numbers = {number for number, _ in missing}
        jobs = (
            Job(number, tuple(a.question_id for a in rows.answers), (number, rows), len(rows.answers))
            for number, rows in _shards(run, grades)
            if number in numbers
        )
        with run.progress.stage("Capturing states", total, done) as advance:
            for captured in run.executor.map(capture_shard, jobs, Tally(advance, done)):
                record_shard(run, captured.number, captured.result)
    return StageResult([], {"index": store.digest})


def capture_shard(run: ActiveRun, shard: tuple[int, ShardRows], advance: Advance) -> ShardEntry:
    """Capture the states of one shard of answers and write their file."""
    number, rows = shard
    states = run.capture.capture(rows.answers, rows.located, run.study.states.sites, advance)
    return run.store.put(number, rows.key(run), states, run.study.states.store_dtype)


def _shards(run: ActiveRun, grades: Mapping[RowKey, Sequence[Grade]]) -> Iterator[tuple[int, ShardRows]]:
    """Return the shards that have scored answers, one after the other, so that few are in memory at a time."""
    for number, answers in enumerate(read_in_pieces(run.folder / ANSWERS, Answer, run.study.states.shard)):
        rows = ShardRows.of(answers, grades, run.study.states)
        if rows.answers:
            yield number, rows
