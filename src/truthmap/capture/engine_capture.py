"""Capturing the states of answers that are known already by an engine that reads sequences: one pass over each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from truthmap.arrays import Ints32
from truthmap.capture.gather import require_finite
from truthmap.positions import MISSING, LocatedPositions
from truthmap.records import Answer, Site
from truthmap.store.shards import StateShard
from truthmap.store.tokens import StateReader

Spans = list[tuple[int, int]]


class EngineCapture:
    """Captures the states of answers, shard after shard, with an engine: as `StateCapture` does with a loaded model.

    Args:
        reader: The engine.
    """

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader

    def capture(
        self,
        answers: Sequence[Answer],
        located: LocatedPositions,
        sites: tuple[Site, ...],
        on_progress: Callable[[int], None] | None = None,
    ) -> StateShard:
        """Read answers and keep the states at the positions of their rows: see `StateCapture.capture`."""
        rows = located.rows_of(a.key for a in answers)
        ranges = located.stacked(rows)
        of_answer = np.array([row.answer for row in rows], dtype=np.int64)
        spans = spans_of(ranges, of_answer.tolist())
        pieces: list[dict[Site, torch.Tensor]] = []
        done = 0
        for part in _parts(spans, self._reader.most_tokens()):
            place = {answer: n for n, answer in enumerate(part)}
            own = np.flatnonzero(np.isin(of_answer, part))
            sequences = [answers[n].prompt_ids + answers[n].answer_ids for n in part]

            def tell(read: int, before: int = done) -> None:
                if on_progress is not None:
                    on_progress(before + read)

            found = self._reader.read(sequences, [spans[n] for n in part], tell)
            pieces.append(found.pick(ranges[own], [place[n] for n in of_answer[own].tolist()]))
            done += len(part)
        kept = {site: torch.cat([piece[site] for piece in pieces], dim=2) for site in sites} if pieces else {}
        present = (ranges[..., 0] != MISSING).T
        shard = StateShard(tuple(row.key for row in rows), located.positions, present, kept)
        require_finite(shard)
        return shard


def spans_of(ranges: Ints32, answers: Sequence[int]) -> dict[int, Spans]:
    """Return which tokens of each answer that has rows are picked: `[start, end)` that do not meet, in their order.

    Args:
        ranges: int32 (n, P, 2), of prompt + answer ids.
        answers: Each row's answer; it never falls.
    """
    found: dict[int, Spans] = {}
    for answer in dict.fromkeys(map(int, answers)):
        own = ranges[np.asarray(answers) == answer].reshape(-1, 2)
        merged: Spans = []
        for start, end in sorted(map(tuple, own[own[:, 0] != MISSING].tolist())):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        # An answer that has none of the positions is read too, as far as a pass needs any token.
        found[answer] = merged or [(0, 1)]
    return found


def _parts(spans: dict[int, Spans], most: int) -> Iterator[list[int]]:
    """Cut answers, in their order, into parts of at most `most` tokens that are kept (at least one answer each)."""
    part: list[int] = []
    tokens = 0
    for answer, own in spans.items():
        count = sum(end - start for start, end in own)
        if part and tokens + count > most:
            yield part
            part, tokens = [], 0
        part.append(answer)
        tokens += count
    if part:
        yield part
