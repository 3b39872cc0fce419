"""The stage that sees to it that every scored answer has its hidden states in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truthmap.errors import RunFolderError
from truthmap.execution.active_run import Made, Work
from truthmap.execution.executor import Job, Tally
from truthmap.files import digest_of
from truthmap.positions import PAPER, LocatedPositions
from truthmap.records import Answer, Grade, Outcome
from truthmap.runs.remote import check_held
from truthmap.runs.tables import read_in_pieces, read_records
from truthmap.study.settings import SHARD, capture_settings
from truthmap.terminal.progress import Advance

if TYPE_CHECKING:
    from truthmap.store.shards import ShardEntry, StateShard
    from truthmap.store.states import StateStore


@dataclass(frozen=True)
class ShardRows:
    """The scored answers of a shard and where in them to look.

    Attributes:
        answers: The answers, in their order in the shard.
        located: Where each of them has its positions.
    """

    answers: tuple[Answer, ...]
    located: LocatedPositions

    @classmethod
    def of(cls, answers: Iterable[Answer], grades: Mapping[str, Grade]) -> ShardRows:
        """Keep the scored answers."""
        from truthmap.grading.token_spans import locate_positions

        scored = tuple(a for a in answers if grades[a.question_id].outcome is not Outcome.UNSCORED)
        index = {a.question_id: locate_positions(a, grades[a.question_id].span, PAPER) for a in scored}
        return cls(scored, LocatedPositions(PAPER, index))

    def key(self, work: Work) -> str:
        """Return the digest of everything that the states of these rows depend on."""
        rows = [
            [a.question_id, list(a.prompt_ids), list(a.answer_ids), self.located.index[a.question_id].tolist()]
            for a in self.answers
        ]
        own = {"answers": work.keys["answers"], "sites": [*work.study.sites], "blocks": work.study.blocks}
        return digest_of({"own": own, "positions": [*map(str, self.located.positions)], "rows": rows})


def state_store(work: Work) -> StateStore:
    """Open the run's store of states."""
    return work.store


def put_shard(work: Work, number: int, rows: ShardRows, pieces: Sequence[StateShard]) -> ShardEntry:
    """Write the file of one shard's states, put together from pieces, in the rows' order."""
    from truthmap.store.shards import join_shards

    ids = tuple(answer.question_id for answer in rows.answers)
    return work.store.put(number, rows.key(work), join_shards(pieces, ids))


def record_shard(work: Work, number: int, entry: ShardEntry) -> None:
    """Let a shard whose file a worker has written count.

    Raises:
        RunFolderError: the file is not where this process looks for it, or another has taken over the run folder.
    """
    check_held(work.folder.path)
    if not work.store.holds(number, entry):
        raise RunFolderError(
            f"a worker has written shard {number} of the states, but it does not appear in {work.store.folder}: "
            "choose an --out that all machines share, or a --states-at that they all reach (s3://…)"
        )
    work.store.record(number, entry)


def capture_missing_states(work: Work) -> Made:
    """Capture the states of the shards that have none yet, or none that fit, or broken ones."""
    store = work.store
    for number, fault in store.misplaced().items():
        work.progress.say(f"{fault}; capturing its states again")
        store.forget(number)
    grades = {grade.question_id: grade for grade in read_records(work.path("grades.parquet"), Grade)}
    total, missing, wanted = 0, [], set()
    for number, rows in _shards(work, grades):
        wanted.add(number)
        total += len(rows.answers)
        if not store.has(number, rows.key(work)):
            missing.append((number, len(rows.answers)))
    store.keep_only(wanted)
    done = total - sum(size for _, size in missing)
    if missing:
        numbers = {number for number, _ in missing}
        jobs = (
            Job(number, tuple(a.question_id for a in rows.answers), (number, rows), len(rows.answers))
            for number, rows in _shards(work, grades)
            if number in numbers
        )
        with work.progress.stage("Capturing states", total, done) as advance:
            for captured in work.executor.map(capture_shard, jobs, Tally(advance, done)):
                record_shard(work, captured.number, captured.result)
    return Made([], {"index": store.digest})


def capture_shard(work: Work, shard: tuple[int, ShardRows], advance: Advance) -> ShardEntry:
    """Capture the states of one shard of answers and write their file."""
    from truthmap.capture.second_pass import capture_states

    number, rows = shard
    settings = capture_settings(work.study)
    states = capture_states(work.model, rows.answers, rows.located, work.study.sites, settings, advance)
    return work.store.put(number, rows.key(work), states)


def _shards(work: Work, grades: Mapping[str, Grade]) -> Iterator[tuple[int, ShardRows]]:
    """Return the shards that have scored answers, one after the other, so that few are in memory at a time."""
    for number, answers in enumerate(read_in_pieces(work.path("answers.parquet"), Answer, SHARD)):
        rows = ShardRows.of(answers, grades)
        if rows.answers:
            yield number, rows
