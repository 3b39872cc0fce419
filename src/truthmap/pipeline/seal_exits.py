"""The guarantees that a detector gives of ending thoughts early, by what it reads itself along them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from truthmap.analyses.early_exit.gather import gather_thoughts
from truthmap.analyses.early_exit.guarantee import guarantee_ending, guarantee_giving_up
from truthmap.analyses.thought.measure import token_of_thought
from truthmap.detector.exit_guarantee import ExitConfig
from truthmap.detector.fit_head import SealSettings
from truthmap.detector.heads import Head
from truthmap.grading.kinds import needs_grader, needs_judge, needs_locator
from truthmap.positions import Position
from truthmap.questions.tasks import Task
from truthmap.records import RowKey, Site
from truthmap.runs.data import RunData
from truthmap.store.tensors import TensorReader


def exit_config(data: RunData, site: Site, head: Head, task: Task, settings: SealSettings) -> ExitConfig | None:
    """Test at which P(right) thoughts can be ended, and given up, where the detector reads them while they are written.

    It reads, with its answer head, those tokens of a thought that the run's map has, counted from the thought's start:
    a share of a thought is known only when it is over. They are given up at the token nearest to half of a thought.

    Returns:
        `None` where the map has no such token, nobody thinks, or what thoughts have named is graded by a model or a
        program.
    """
    places = {token: p for p in data.grid(site).positions if (token := token_of_thought(p)) is not None}
    if not places or needs_judge(task) or needs_grader(task) or needs_locator(task):
        return None
    tokens = sorted(places)

    def read(place: Position, rows: tuple[RowKey, ...]) -> Mapping[RowKey, float]:
        source = TensorReader(data.states)
        cells = [source.read_cell(site, layer, place, rows) for layer in head.layers]
        states = np.stack([cell.states[0].float().numpy() for cell in cells], axis=1)
        p_right = 1 - head.p_wrong(head.score(states))
        return {row: float(p) for row, p, there in zip(rows, p_right, cells[0].present[0], strict=True) if there}

    choosing, testing = (
        gather_thoughts(data, [places[token] for token in tokens], task, read, test=test) for test in (False, True)
    )
    if not len(choosing.tokens) or not len(testing.tokens):
        return None
    half = min(range(len(tokens)), key=lambda place: abs(tokens[place] - float(np.median(choosing.tokens)) / 2))
    return ExitConfig(
        tokens=tuple(tokens),
        end=guarantee_ending(choosing, testing, settings.limit, settings.confidence),
        give_up=guarantee_giving_up(choosing, testing, half, settings.limit, settings.confidence),
        give_up_at=tokens[half],
    )
