"""How the probe bears worse labels: flipped ones, fewer of them, and few of one outcome.

"Are Sparse Autoencoders Useful? A Case Study in Sparse Probing" (Kantamneni et al., arXiv 2502.16681) compares probes
where data are scarce, imbalanced and wrongly labelled. Here the best cell's probe learns again from train + validation,
its C chosen there by cross-validation on the labels as they then are, and is scored on the untouched test part: with a
share of all labels flipped; with a share of the wrong answers called right, as lenient graders do; with 25 answers and
more; and with 5 to 95 % right ones at one size. Each point is the mean AUC of several draws, its interval that of the
test answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from truthmap.analyses.controls.base import Control, ControlResult, not_run
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlCurve,
    ControlPoint,
    has_enough,
    remaining,
    verdict_on,
)
from truthmap.analyses.probing import StatesAtCell, read_cell
from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_rowwise
from truthmap.metrics.auc_interval import mean_auc
from truthmap.probes.cross_validation import CellStates, cross_validate
from truthmap.probes.linear import fit_probe
from truthmap.probes.protocols import info_of
from truthmap.probes.threads import one_thread_per_cell
from truthmap.seeding import uniform_from

DRAWS = 5
FLIPPED = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
RIGHT = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
FIRST_SIZE = 25
HEADLINE = 0.2
"""The share of flipped labels that the row speaks of."""
NEAR = 0.02
"""How near to the whole an AUC from fewer answers is said to come."""


@dataclass(frozen=True)
class Lesson:
    """What a probe learns from: some rows, and their labels as they are told.

    Attributes:
        rows: int64 (k,).
        y: bool (k,).
    """

    rows: Ints
    y: Bools


def measure_label_noise(context: ControlContext) -> ControlResult:
    """Let the probe learn from flipped, fewer and one-sided labels, and score each on the test part."""
    if not info_of(context.fitting.protocol).has_learning_curve:
        return not_run(f"Not run: probes of the protocol {context.fitting.protocol} know no fewer answers.")
    if not has_enough(context.tested.y, context.tested.group):
        raise NotEnoughDataError("the test part has fewer than ten right or ten wrong answers")
    seen = read_cell(context.data, context.seen, context.cell)
    test = read_cell(context.data, context.tested, context.cell)
    plans = list(_plans(seen, context.fitting.seed))
    lessons = [lesson for plan in plans for draws in plan.draws for lesson in draws]
    with one_thread_per_cell(context.fitting.device) as every:
        learned = iter([*every(partial(_learn, seen, test, context.fitting.cs), lessons)])
    curves = tuple(
        ControlCurve(
            name=plan.name,
            along=plan.along,
            logarithmic=plan.logarithmic,
            points=tuple(_points(plan, learned, test)),
        )
        for plan in plans
    )
    return _result(context, curves)


@dataclass(frozen=True)
class _Plan:
    """A curve: where its points stand, and the draws of each."""

    name: str
    along: str
    at: Sequence[float]
    draws: Sequence[Sequence[Lesson]]
    logarithmic: bool = False


def _plans(seen: StatesAtCell, seed: int) -> Iterator[_Plan]:
    everything = np.arange(len(seen.ids), dtype=np.int64)
    luck = [np.array([uniform_from("label noise", seed, draw, row) for row in seen.ids]) for draw in range(DRAWS)]

    def flipped(share: float, which: Bools) -> list[Lesson]:
        if not share:
            return [Lesson(everything, seen.y)]
        return [Lesson(everything, seen.y ^ ((dice < share) & which)) for dice in luck]

    yield _curve("labels flipped", "share of labels flipped", FLIPPED, partial(flipped, which=everything >= 0))
    lenient = partial(flipped, which=~seen.y)
    yield _curve("wrong called right", "share of wrong called right", FLIPPED, lenient)
    orders = [np.argsort(dice) for dice in luck]
    sizes = _sizes(len(everything))
    yield replace(_curve("fewer answers", "labelled answers", sizes, partial(_first, seen, orders)), logarithmic=True)
    size = int(min(seen.y.sum(), (~seen.y).sum()) / max(RIGHT))
    mixed = partial(_mixed, seen, orders, size)
    yield _curve("share of right answers", f"share right among {size} answers", RIGHT, mixed)


def _curve(name: str, along: str, at: Sequence[float], drawn: Callable[[float], Sequence[Lesson]]) -> _Plan:
    return _Plan(name, along, at, [drawn(each) for each in at])


def _sizes(n: int) -> tuple[float, ...]:
    """Return 25, 50, 100, … below n, and n."""
    return (*(float(FIRST_SIZE << k) for k in range(n.bit_length()) if FIRST_SIZE << k < n), float(n))


def _first(seen: StatesAtCell, orders: Sequence[Ints], size: float) -> list[Lesson]:
    kept = [np.sort(order[: int(size)]) for order in orders]
    lessons = [Lesson(rows, seen.y[rows]) for rows in kept]
    return lessons[:1] if size >= len(seen.ids) else lessons


def _mixed(seen: StatesAtCell, orders: Sequence[Ints], size: int, share: float) -> list[Lesson]:
    n_right = round(share * size)
    lessons = []
    for order in orders:
        right, wrong = order[seen.y[order]][:n_right], order[~seen.y[order]][: size - n_right]
        rows = np.sort(np.concatenate([right, wrong]))
        lessons.append(Lesson(rows, seen.y[rows]))
    return lessons


def _learn(seen: StatesAtCell, test: StatesAtCell, cs: Sequence[float], lesson: Lesson) -> Floats | None:
    """Return what a probe that learned a lesson says of the test rows: float64 (n,); `None`: it cannot be learned."""
    fold, y = seen.fold[lesson.rows], lesson.y
    folds = np.unique(fold)
    if len(folds) < 2 or any(y[fold != each].all() or not y[fold != each].any() for each in folds):
        return None
    x = seen.states[torch.from_numpy(lesson.rows)]
    path = list(cross_validate(CellStates.by_fold(x, fold), y[None], cs))
    scores = np.concatenate([at_c.scores for at_c in path])
    best = int(np.argmax(auc_rowwise(scores, np.tile(y, (len(scores), 1)))))
    return fit_probe(x, y, path[best].c).score(test.states.double().numpy())


def _points(plan: _Plan, learned: Iterator[Floats | None], test: StatesAtCell) -> Iterator[ControlPoint]:
    """Yield the points of a curve; one that no draw could be learned at is left out."""
    for at, draws in zip(plan.at, plan.draws, strict=True):
        scores = [each for each in (next(learned) for _ in draws) if each is not None]
        if scores:
            yield ControlPoint(at=at, value=mean_auc(np.stack(scores), test.y, test.group))


def _result(context: ControlContext, curves: Sequence[ControlCurve]) -> ControlResult:
    at = {curve.name: {point.at: point.value for point in curve.points} for curve in curves}
    flipped, lenient, fewer = (at[name] for name in ("labels flipped", "wrong called right", "fewer answers"))
    if HEADLINE not in flipped:
        raise NotEnoughDataError("no probe can be learned from so few labels")
    readings = [remaining(f"{HEADLINE:.0%} of the labels flipped", flipped[HEADLINE], context.auc)]
    if HEADLINE in lenient:
        readings.append(remaining(f"{HEADLINE:.0%} of wrong called right", lenient[HEADLINE], context.auc))
    few = next((size for size in fewer if size >= 100), None)
    if few is not None:
        readings.append(remaining(f"{few:.0f} labelled answers", fewer[few], context.auc))
    near = next((size for size, value in fewer.items() if value.value >= context.auc.value - NEAR), None)
    with_flips = f"the probe reads {flipped[HEADLINE].value:.2f} of its {context.auc.value:.2f} on true test labels"
    said = [f"With {HEADLINE:.0%} of the training labels flipped {with_flips}"]
    if HEADLINE in lenient:
        said.append(f"with {HEADLINE:.0%} of the wrong answers called right {lenient[HEADLINE].value:.2f}")
    if near is not None:
        said.append(f"and {near:.0f} labelled answers come within {NEAR} of it")
    draws = (("draws", str(DRAWS)),)
    return ControlResult(verdict_on(readings[0]), ", ".join(said) + ".", tuple(readings), tuple(curves), draws)


CONTROL = Control(
    "label-noise",
    "Are Sparse Autoencoders Useful? A Case Study in Sparse Probing, arXiv 2502.16681",
    measure_label_noise,
)
