"""States that an engine keeps while it answers, written shard by shard as soon as a shard has all of its answers."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.answers.prompt import GeneratedBatch
from truthmap.capture.gather import gather
from truthmap.execution.active_run import ActiveRun
from truthmap.pipeline.stages.states import ShardRows, by_answer, put_shard
from truthmap.positions import LocatedPositions
from truthmap.records import Answer, RowKey
from truthmap.store.entries import ShardEntry
from truthmap.store.shards import StateShard, rows_among


class StatesOnTheWay:
    """Takes batches of answers with their states; a shard with an answer that has none is left to the next stage.

    Args:
        run: The run.
        shards: For each shard of states its number and the ids of its questions, in their order.

    Attributes:
        written: The entries of the shards' files that are written.
    """

    def __init__(self, run: ActiveRun, shards: Sequence[tuple[int, Sequence[str]]]) -> None:
        self.written: dict[int, ShardEntry] = {}
        self._run, self._waiting = run, dict(shards)
        self._answers: dict[str, Answer] = {}
        self._located: dict[RowKey, LocatedPositions] = {}
        self._pieces: list[StateShard] = []

    def take(self, batch: GeneratedBatch) -> None:
        """Take the answers of a batch, and keep the states of their rows."""
        self._answers.update((answer.question_id, answer) for answer in batch.answers)
        if batch.states is None:
            bare = {answer.question_id for answer in batch.answers if answer.answer_ids}
            self._waiting = {number: ids for number, ids in self._waiting.items() if bare.isdisjoint(ids)}
        else:
            grades = self._run.grade(batch.answers)
            located = ShardRows.of(batch.answers, by_answer(grades.values()), self._run.study.states).located
            self._pieces.append(gather(batch.states, located))
            self._located.update(dict.fromkeys(located.index, located))
            if self._run.preview is not None:
                self._run.preview.add(len(batch.answers), grades, self._pieces[-1])
        for number, ids in list(self._waiting.items()):
            if all(i in self._answers for i in ids):
                self._write(number, [self._answers[i] for i in ids])
                del self._waiting[number]

    def _write(self, number: int, answers: Sequence[Answer]) -> None:
        """Write the file of a shard, and let its states go."""
        keys = {answer.key for answer in answers}
        own = {row: located for row, located in self._located.items() if row.answer in keys}
        if not own:
            return
        index = {row: located.index[row] for row, located in own.items()}
        end = {row: located.end[row] for row, located in own.items() if row in located.end}
        rows = ShardRows(
            tuple(answer for answer in answers if answer.key in {row.answer for row in own}),
            LocatedPositions(self._pieces[0].positions, index, end),
        )
        parts = [rows_among(piece, own.keys()) for piece in self._pieces]
        self.written[number] = put_shard(self._run, number, rows, [part for part in parts if part.ids])
        self._located = {row: found for row, found in self._located.items() if row not in own}
        self._pieces = [piece for piece in self._pieces if not self._located.keys().isdisjoint(piece.ids)]
