"""The stage that sees to it that every scored answer has its hidden states in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from truthmap.files import digest_of
from truthmap.pipeline.settings import SHARD, capture_settings
from truthmap.pipeline.tables import read_records
from truthmap.pipeline.work import Made, Work
from truthmap.records import Answer, Grade, Outcome

if TYPE_CHECKING:
    from truthmap.store import StateShard, StateStore

STATES = "states"


@dataclass(frozen=True)
class ShardRows:
    """The scored answers of a shard and where in them to look.

    Attributes:
        answers: The answers, in their order in the shard.
        positions: For each answer's question id int32 (P,): index into prompt + answer, -1 where missing.
    """

    answers: tuple[Answer, ...]
    positions: Mapping[str, np.ndarray[tuple[int], np.dtype[np.int32]]]

    @classmethod
    def of(cls, answers: Iterable[Answer], grades: Mapping[str, Grade]) -> ShardRows:
        """Keep the scored answers."""
        from truthmap.grading import locate_positions

        scored = tuple(a for a in answers if grades[a.question_id].outcome is not Outcome.UNSCORED)
        return cls(scored, {a.question_id: locate_positions(a, grades[a.question_id].span) for a in scored})

    def key(self, work: Work) -> str:
        """Give the digest of everything that the states of these rows depend on."""
        rows = [
            [a.question_id, list(a.prompt_ids), list(a.answer_ids), self.positions[a.question_id].tolist()]
            for a in self.answers
        ]
        own = {"answers": work.keys["answers"], "sites": [*work.study.sites], "blocks": work.study.blocks}
        return digest_of({"own": own, "rows": rows})


def state_store(work: Work) -> StateStore:
    """Open the run's store of states."""
    from truthmap.store import StateStore

    return StateStore(work.path(STATES))


def write_shard(work: Work, number: int, rows: ShardRows, pieces: Sequence[StateShard]) -> None:
    """Write the states of one shard, put together from pieces, in the rows' order."""
    from truthmap.store import join_shards

    ids = tuple(answer.question_id for answer in rows.answers)
    state_store(work).write(number, rows.key(work), join_shards(pieces, ids))


def capture_missing_states(work: Work) -> Made:
    """Capture the states of the shards that have none yet, or none that fit, or broken ones."""
    from truthmap.capture import capture_states

    store = state_store(work)
    for number, fault in store.damaged().items():
        work.progress.say(f"{fault}; capturing its states again")
        store.forget(number)
    shards = dict(_shards(work))
    total = sum(len(rows.answers) for rows in shards.values())
    missing = {number: rows for number, rows in shards.items() if not store.has(number, rows.key(work))}
    done = total - sum(len(rows.answers) for rows in missing.values())
    store.keep_only(shards)
    if missing:
        with work.progress.stage("Capturing states", total, done) as advance:
            for number, rows in missing.items():
                shard = capture_states(
                    work.model, rows.answers, rows.positions, work.study.sites, capture_settings(work.study)
                )
                store.write(number, rows.key(work), shard)
                done += len(rows.answers)
                advance(done)
    return Made([f"{STATES}/index.json", *(f"{STATES}/{name}" for name in store.file_names)])


def _shards(work: Work) -> Iterator[tuple[int, ShardRows]]:
    answers = read_records(work.path("answers.parquet"), Answer)
    grades = {grade.question_id: grade for grade in read_records(work.path("grades.parquet"), Grade)}
    for number, start in enumerate(range(0, len(answers), SHARD)):
        rows = ShardRows.of(answers[start : start + SHARD], grades)
        if rows.answers:
            yield number, rows
