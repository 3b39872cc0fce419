"""Whether the direction that the probe reads is used: the state is moved along it, and out of it.

"Detection Without Correction" (arXiv 2604.13068) finds that moving states along a probe's direction does not correct
what the probe detects, in seven models of seven; "Inference-Time Intervention" (Li et al., arXiv 2306.03341) finds
heads where it helps. Here, for some test answers, the state of one token (where a mean is read, of each of its tokens)
is moved along the probe's direction, both ways and in growing doses, and taken out of it; what changes is held against
random directions of the very same size. The answer can only change at a token before it, so that is done at the best
cell that stands there, too: at the chosen cell itself the answer may have been given already, and only what later
layers read of it can change.

One dose is as far as the mean states of right and wrong answers lie apart in training. The answer's own tokens are read
on (it is not generated anew): it changes where greedy decoding would no longer give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.causal_effects import Effects, MovedPlace, effects_of
from truthmap.analyses.controls.causal_moves import (
    ABLATED,
    AT_RANDOM,
    BACK,
    DOSES,
    FORTH,
    OUT_AT_RANDOM,
    RANDOM,
    RANDOM_ABLATED,
    TESTED_DOSE,
    Direction,
    are_known,
    changes_along,
    compared,
    mean_of,
    of_known,
)
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlCurve, ControlPoint, ControlReading, ControlVerdict
from truthmap.analyses.probing import auc_of, best_cell_at, has_probe, read_cell
from truthmap.arrays import Bools
from truthmap.errors import NotEnoughDataError
from truthmap.execution.reopen import model_of
from truthmap.grading.token_spans import locate_ranges, span_tokens
from truthmap.positions import MISSING, Position, SpanName
from truthmap.probes.grid import Cell
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.probes.test_part import score_on_test
from truthmap.records import RowKey, Span
from truthmap.seeding import uniform_from
from truthmap.store.tensors import TensorReader

QUESTIONS = 32
"""Questions that are tried, half of them answered rightly."""
_MOST_LATER = 8


@dataclass(frozen=True)
class _Tried:
    """What came of moving states at one cell."""

    cell: Cell
    effects: Effects
    groups: tuple[str, ...]
    later: int
    dose: float


def measure_causal(context: ControlContext) -> ControlResult:
    """Move states along the probe's direction, and take it out, at the chosen cell and at the best one before it."""
    before = _cell_before(context)
    chosen = _try(context, context.cell)
    readings, says, curves = [], [], []
    first = chosen if before == context.cell else None if before is None else _try(context, before)
    if first is not None:
        found = _of_answer(first)
        readings += found[0]
        says.append(found[1])
        curves += _dose_curves(first)
    found = _of_later_layers(chosen)
    readings += found[0]
    says.append(found[1])
    tried = f"{len(chosen.groups)} test answers, half of them right where there are as many"
    facts = (
        ("answers that were tried", tried),
        ("one dose", f"{chosen.dose:.3g}, the distance between the mean states of right and wrong answers"),
        ("random directions", f"{RANDOM} to move along, {RANDOM_ABLATED} to take out"),
        ("moved, ablated, what follows, later layers", "how much more they change than along random directions"),
    )
    return ControlResult(ControlVerdict.APART, " ".join(says), tuple(readings), tuple(curves), facts)


_MEANING = {
    (True, True): "the model uses the direction.",
    (True, False): "pushing along it does more than any push, and the answer is not shown to need it.",
    (False, True): "pushing along it does no more than any push, and taking it out more than taking out another.",
    (False, False): "the direction is read, and not shown to be used.",
}
"""What it means that moving along the direction, and taking it out, do more than random ones, or do not."""


def _of_answer(tried: _Tried) -> tuple[list[ControlReading], str]:
    """Return what moving the state does to the answer that follows it."""
    effects, groups = tried.effects, tried.groups
    both = (FORTH, BACK)
    moved = compared(effects.answer, both, AT_RANDOM, groups, "causal answer")
    out = compared(effects.answer, (ABLATED,), OUT_AT_RANDOM, groups, "causal ablation")
    given = effects.given.astype(np.float64)
    changes = given[:, :1] - given[:, list(both)].mean(axis=1, keepdims=True)
    random = float((given[:, :1] - given[:, AT_RANDOM]).mean())
    lost = mean_of(changes[:, 0], groups, "causal given")
    toward = mean_of(effects.answer[:, FORTH] - effects.answer[:, 0], groups, "causal toward right")
    readings = [
        ControlReading(name="answer, moved", value=moved.beyond, of="nats"),
        ControlReading(name="answer, ablated", value=out.beyond, of="nats"),
        ControlReading(name="answer, to right", value=toward, of="nats"),
        ControlReading(name="answers lost", value=lost, of="share"),
        *_side_effects(tried, "what follows, moved"),
    ]
    says = (
        f"Where the answer can still change (layer {tried.cell.layer}, {tried.cell.position}), moving the state "
        f"{TESTED_DOSE:g} doses along the probe's direction changes the answer's log-probability by {moved.probe:.2f} "
        f"nats, along random directions of the same size by {moved.random:.2f} (p = {moved.p_value:.2f}); taking the "
        f"direction out changes it by {out.probe:.2f}, random ones {out.random:.2f} (p = {out.p_value:.2f}); "
        f"{lost.value:.0%} of the answers are no longer given, {random:.0%} at random (n = {len(groups)}): "
        + _MEANING[moved.larger, out.larger]
    )
    return readings, says


def _of_later_layers(tried: _Tried) -> tuple[list[ControlReading], str]:
    """Return what moving the state of the chosen cell does to what later layers read there."""
    cell = f"layer {tried.cell.layer}, {tried.cell.position}"
    if not tried.later:
        return [], f"No layer after the chosen cell ({cell}) has a probe."
    moved = compared(tried.effects.right, (FORTH, BACK), AT_RANDOM, tried.groups, "causal right")
    readings = [
        ControlReading(name="later layers", value=moved.beyond, of="P(right)"),
        *_side_effects(tried, "what follows, then"),
    ]
    more = "more than along" if moved.larger else "not shown to be more than along"
    says = (
        f"At the chosen cell ({cell}) the P(right) of {tried.later} later layers changes by "
        f"{moved.probe:.2f}, {more} random directions "
        f"({moved.random:.2f}, p = {moved.p_value:.2f})."
    )
    return readings, says


def _side_effects(tried: _Tried, name: str) -> list[ControlReading]:
    """Return by how much the log-perplexity of what follows the exact answer grows, beyond what random moves do.

    Nothing where too few answers go on after it.
    """
    rest = tried.effects.rest
    known = are_known(rest)
    if known.sum() < 2:
        return []
    drop = rest[known][:, :1] - rest[known]
    beyond = drop[:, [FORTH, BACK]].mean(axis=1) - drop[:, AT_RANDOM].mean(axis=1)
    kept = of_known(tried.groups, known)
    return [ControlReading(name=name, value=mean_of(beyond, kept, "causal rest"), of="nats")]


def _dose_curves(tried: _Tried) -> list[ControlCurve]:
    """Return how the answer's log-probability and what follows it change with the dose, back and forth."""
    doses = [*(-dose for dose in DOSES), 0.0, *DOSES]
    columns = [*range(1, 1 + len(DOSES)), 0, *range(1 + len(DOSES), 1 + 2 * len(DOSES))]
    order = np.argsort(doses)
    curves = []
    for name, values in (("the answer", tried.effects.answer), ("what follows the answer", tried.effects.rest)):
        known = are_known(values)
        if known.sum() < 2:
            continue
        kept = of_known(tried.groups, known)
        change = values[known] - values[known][:, :1]
        points = tuple(
            ControlPoint(at=doses[n], value=mean_of(change[:, columns[n]], kept, f"dose {doses[n]}")) for n in order
        )
        along = "doses along the probe's direction"
        curves.append(ControlCurve(name=name, along=along, of="change of log-probability", points=points))
    return curves


def _try(context: ControlContext, cell: Cell) -> _Tried:
    """Move the states of some test answers at a cell.

    Raises:
        NotEnoughDataError: too few test answers of either outcome have the cell and an exact answer.
        ModelError, RunFolderError: the run's model cannot be loaded any more.
    """
    test = score_on_test(TensorReader(context.data.states), context.data.labels, context.grid, cell, context.fitting)
    training = read_cell(context.data, context.seen, cell)
    direction = Direction.of(test.probe, training)
    rows = _tried_rows(context, test.labels.ids, test.labels.y, cell)
    lm = model_of(context.data.run, context.active)
    later = _later_probes(context, cell)
    places = [place for _, place in rows]
    with context.progress.stage(f"Moving states at layer {cell.layer}, {cell.position}", len(places)) as advance:
        found = []
        for done, place in enumerate(places, start=1):
            batch_tokens = context.active.study.resources.batch_tokens
            found += effects_of(lm, [place], (cell.site, cell.layer), changes_along(direction), later, batch_tokens)
            advance(done)
    joined = Effects(
        *(np.concatenate([getattr(e, name) for e in found]) for name in ("answer", "given", "rest", "right"))
    )
    group = dict(zip(test.labels.ids, test.labels.group, strict=True))
    return _Tried(cell, joined, tuple(group[row] for row, _ in rows), len(later), direction.dose)


def _later_probes(context: ControlContext, cell: Cell) -> dict[int, LinearProbe]:
    """Return the probes of later layers at the same position, of at most so many layers, evenly spread."""
    depth = len(context.grid.auc)
    if cell.layer + 1 >= depth:
        return {}
    layers = np.unique(np.linspace(cell.layer + 1, depth - 1, _MOST_LATER).astype(int))
    probes = {}
    for layer in layers.tolist():
        there = Cell(cell.site, layer, cell.position)
        c = context.grid.c[context.grid.index(there)]
        if np.isfinite(c):
            read = read_cell(context.data, context.seen, there)
            probes[layer] = fit_probe(read.states, read.y, float(c))
    return probes


def _tried_rows(
    context: ControlContext, ids: Sequence[RowKey], y: Bools, cell: Cell
) -> list[tuple[RowKey, MovedPlace]]:
    """Choose test answers, one of a question, in the order of a die: as many right as wrong ones."""
    chosen: list[tuple[RowKey, MovedPlace]] = []
    for outcome in (True, False):
        own = sorted(
            (row for row, right in zip(ids, y, strict=True) if right == outcome),
            key=lambda row: uniform_from("causal", row),
        )
        taken = 0
        asked: set[str] = set()
        for row in own:
            place = None if row.question_id in asked else _place(context, row, cell.position)
            if place is not None and taken < QUESTIONS // 2:
                chosen.append((row, place))
                asked.add(row.question_id)
                taken += 1
        if taken < 2:
            raise NotEnoughDataError("too few test answers of either outcome have an exact answer to move before")
    return chosen


def _place(context: ControlContext, row: RowKey, position: Position) -> MovedPlace | None:
    answer, span = context.data.answer_of(row), context.data.grade_of(row).span
    drop = context.data.drops_closing_token
    first, end = map(int, locate_ranges(answer, span, (position,), drop_closing_token=drop)[0])
    exact = None if span is None else span_tokens(answer, span)
    if first == MISSING or exact is None:
        return None
    start = len(answer.prompt_ids)
    said = Span(start + exact.start, start + exact.end)
    return MovedPlace(answer.prompt_ids + answer.answer_ids, end - 1, said, first)


def _cell_before(context: ControlContext) -> Cell | None:
    """Return the best cell whose token comes before the exact answer's first; `None` where none has a probe."""
    grid = context.grid
    before = [
        position
        for position in grid.positions
        if has_probe(grid, position)
        and (
            position.rule.span is SpanName.PROMPT or (position.rule.span is SpanName.EXACT and position.rule.offset < 0)
        )
    ]
    cells = [best_cell_at(grid, position) for position in before]
    return max(cells, key=lambda cell: auc_of(grid, cell), default=None)


CONTROL = Control(
    "causal",
    "Detection Without Correction: A Robust Asymmetry in Activation-Based Hallucination Probing, arXiv 2604.13068; "
    "Inference-Time Intervention, arXiv 2306.03341",
    measure_causal,
)
