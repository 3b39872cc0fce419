"""Whether the probe survives other words: the same answers are read behind questions that ask the same, otherwise.

"LLM Knowledge is Brittle: Truthfulness Representations Rely on Superficial Resemblance" (Haller et al., arXiv
2510.11905) changes statements so that they mean the same (typing errors, other words), and finds that true and false
ones come apart less the less the text looks like what the model was trained on; they measure that by perplexity. Here
the run's own probe, unchanged, reads the same answers behind changed questions: letters swapped, another case, another
opening, the other prompt format; how far the states have moved is their Mahalanobis distance from the training states.
The change that moves them farthest counts: the distance knows no outcome. No set comes in several languages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlCurve,
    ControlPoint,
    ControlReading,
    has_enough,
    remaining,
    verdict_on,
)
from truthmap.analyses.controls.peers import MakePeer, Reword, as_it_is, read_peer
from truthmap.analyses.probing import read_cell
from truthmap.detector.fit_ood import fit_gaussian_ood
from truthmap.detector.ood import GaussianOOD
from truthmap.errors import NotEnoughDataError
from truthmap.lm.other_models import asked_otherwise
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.paired_auc import auc_gain
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Question
from truthmap.seeding import uniform_from

ROWS = 160
"""Test rows that are read again under each change."""


def with_typos(question: Question) -> Question:
    """Return a question in which every third word of four letters and more has two neighbouring letters swapped."""
    words, long = question.text.split(" "), 0
    for n, word in enumerate(words):
        if len(word) < 4 or not word[1:-1].isalpha():
            continue
        if long % 3 == 0:
            at = 1 + int(uniform_from("typo", question.id, n) * (len(word) - 3))
            words[n] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        long += 1
    return replace(question, text=" ".join(words))


def in_lower_case(question: Question) -> Question:
    """Return a question without capitals."""
    return replace(question, text=question.text.lower())


def in_upper_case(question: Question) -> Question:
    """Return a question in capitals."""
    return replace(question, text=question.text.upper())


def opened_otherwise(question: Question) -> Question:
    """Return a question with other words before it, which ask for nothing else."""
    return replace(question, text=f"Here is something that I would like to know. {question.text}")


@dataclass(frozen=True)
class Surface:
    """One change of the surface: how the question is put, and to what."""

    name: str
    reword: Reword = as_it_is
    make: MakePeer | None = None


SURFACES = (
    Surface("as it was asked"),
    Surface("typing errors", with_typos),
    Surface("lower case", in_lower_case),
    Surface("UPPER CASE", in_upper_case),
    Surface("another opening", opened_otherwise),
    Surface("the other prompt format", make=asked_otherwise),
)


@dataclass(frozen=True)
class SurfaceScores:
    """What the unchanged probe reads under one change.

    Attributes:
        value: Its AUC.
        own: The AUC of the run's own scores of the same rows.
        change: The first minus the second, paired.
        distance: The median Mahalanobis distance of the states from those of training.
    """

    name: str
    value: Estimate
    own: Estimate
    change: Estimate
    distance: float


def measure_surface(context: ControlContext) -> ControlResult:
    """Read some test answers behind changed questions with the unchanged probe."""
    training = read_cell(context.data, context.seen, context.cell)
    cloud = fit_gaussian_ood(training.states.double().numpy())
    order = sorted(context.tested.ids, key=lambda row: uniform_from("surface", row))
    kept = set(order[:ROWS])
    rows = context.tested.take(np.array([row in kept for row in context.tested.ids], dtype=bool))
    found = [each for surface in SURFACES if (each := _read(context, surface, rows, cloud)) is not None]
    if len(found) < 2:
        raise NotEnoughDataError("too few test answers of either outcome can be read behind changed questions")
    return told(found)


def told(found: list[SurfaceScores]) -> ControlResult:
    """Return what the changes do to the probe; the first is the question as it was asked."""
    plain, *changed = found
    far = max(changed, key=lambda each: each.distance)
    low = min(changed, key=lambda each: each.value.value)
    high = max(changed, key=lambda each: each.value.value)
    readings = [_reading(far), *(_reading(each) for each in changed if each is not far), _reading(plain)]
    curve = ControlCurve(
        name="the unchanged probe",
        along="distance from the training states (as asked: 1)",
        points=tuple(
            ControlPoint(at=each.distance / plain.distance, value=each.value)
            for each in sorted(found, key=lambda each: each.distance)
        ),
    )
    says = (
        f"Unchanged, the probe reads {low.value.value:.2f} ({low.name}) to {high.value.value:.2f} ({high.name}) of its "
        f"{plain.own.value:.2f} behind questions that ask the same in other words (n = {plain.value.n}); the change "
        f"that moves the states farthest, {far.name} ({far.distance / plain.distance:.2f} times as far), costs "
        f"{minus(far.change).short_signed}."
    )
    return ControlResult(verdict_on(readings[0]), says, tuple(readings), (curve,))


def minus(change: Estimate) -> Estimate:
    """Return what a change costs."""
    return Estimate(value=-change.value, low=-change.high, high=-change.low, n=change.n)


def _reading(scores: SurfaceScores) -> ControlReading:
    return remaining(scores.name, scores.value, scores.own)


def _read(context: ControlContext, surface: Surface, rows: LabelledAnswers, cloud: GaussianOOD) -> SurfaceScores | None:
    """Read rows under a change; `None` where too few of them can be read."""
    read = read_peer(context, context.active, surface.make, surface.name, rows.ids, surface.reword)
    place = {row: n for n, row in enumerate(read.ids)}
    here = np.array([row in place for row in rows.ids], dtype=bool)
    kept = rows.take(here)
    if not has_enough(kept.y, kept.group):
        return None
    states = read.states[context.cell.layer][[place[row] for row in kept.ids]].double().numpy()
    own = np.array([context.test.scores[row] for row in kept.ids], dtype=np.float64)
    scores = context.test.probe.score(states)
    return SurfaceScores(
        surface.name,
        auc_estimate(scores, kept.y, kept.group),
        auc_estimate(own, kept.y, kept.group),
        auc_gain(scores, own, kept.y, kept.group),
        float(np.median(cloud.distance(states))),
    )


CONTROL = Control(
    "surface",
    "LLM Knowledge is Brittle: Truthfulness Representations Rely on Superficial Resemblance, arXiv 2510.11905",
    measure_surface,
)
