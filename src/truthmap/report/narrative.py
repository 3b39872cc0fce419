"""What a run's numbers mean, in a few sentences: nothing is claimed where intervals overlap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Floats, Ints
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Group, Position, columns_in
from truthmap.records import Site

CHANCE = 0.5
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Findings:
    """The numbers that the sentences are made from.

    Attributes:
        site, layer, position: The chosen cell.
        validation: Its cross-validated AUC, by which it was chosen.
        test: Its AUC on the test part.
        positions: What axis P of the map holds.
        auc, low, high: float64 (L, P), the map of its site, cross-validated.
        n: int64 (L, P), answers of each cell.
        log_prob: The mean log-probability's AUC on the same test answers.
        log_prob_gain: The test AUC minus that of the log-probability with its paired interval, where it is known.
        p_value: float64 (L, P), corrected for looking at every cell.
        text_baseline: AUC of the text alone on the chosen cell's answers, cross-validated.
        within: AUC within one exact answer in the chosen cell, with the number of pairs as n.
    """

    site: Site
    layer: int
    position: Position
    validation: Estimate
    test: Estimate
    positions: tuple[Position, ...]
    auc: Floats
    low: Floats
    high: Floats
    n: Ints
    log_prob: Estimate | None = None
    log_prob_gain: Estimate | None = None
    p_value: Floats | None = None
    text_baseline: Estimate | None = None
    within: Estimate | None = None


def sentences(findings: Findings) -> tuple[str, ...]:
    """Say what the numbers mean, in three to six sentences."""
    says: tuple[Callable[[Findings], str | None], ...] = (
        _best_place,
        _how_sharp,
        _before_answering,
        _own_confidence,
        _text_alone,
        _within_one_answer,
    )
    return tuple(said for say in says if (said := say(findings)) is not None)


def place_in_words(position: Position) -> str:
    """Name a position in plain words."""
    return f"{position.wording}, before the model answers" if position.group is Group.PROMPT else position.wording


def _best_place(found: Findings) -> str:
    place = f"{place_in_words(found.position)} ({found.position}) in layer {found.layer}"
    if found.test.low <= CHANCE:
        return (
            "This run does not show that the answers' correctness can be read anywhere: the best-looking place, "
            f"{place}, has AUC {found.test.short} on {found.test.n:,} test answers, an interval that includes chance "
            "(0.5)."
        )
    return (
        f"Whether an answer is right is read best at {place}: AUC {found.test.short} on {found.test.n:,} test answers "
        f"that took no part in choosing it ({found.validation.value:.2f} where it was chosen)."
    )


def _how_sharp(found: Findings) -> str | None:
    """Say how many cells the noise cannot tell from the best one, and how many are above chance at all."""
    fitted = np.isfinite(found.auc)
    alike = int((fitted & (found.high >= found.validation.low)).sum())
    sharp = (
        f"{alike:,} have intervals that reach the chosen one's, so its exact layer and token are no finding"
        if alike > 1
        else "the chosen one's interval lies above all others"
    )
    if found.p_value is None:
        return f"Of the {int(fitted.sum()):,} cells {sharp}."
    significant = int((found.p_value < _SIGNIFICANT).sum())
    n = int(fitted.sum())
    beat = (
        f"All {n:,} cells beat"
        if significant == n
        else f"Of the {n:,} cells {significant or 'none'} beat{'s' if significant == 1 else ''}"
    )
    return f"{beat} shuffled labels (corrected for looking at all of them); {sharp}."


def _before_answering(found: Findings) -> str | None:
    columns = columns_in(found.positions, Group.PROMPT)
    if not np.isfinite(found.auc[:, columns]).any():
        return None
    layer, place = np.unravel_index(int(np.nanargmax(found.auc[:, columns])), (len(found.auc), len(columns)))
    at = (int(layer), columns[int(place)])
    before = Estimate(value=found.auc[at], low=found.low[at], high=found.high[at], n=int(found.n[at]))
    start = (
        f"Before the model answers, {found.positions[at[1]].wording} gives {before.short} "
        f"(layer {layer}, the best of {len(found.auc)})"
    )
    if before.low <= CHANCE:
        return f"{start}: no better than chance as far as this run can tell."
    if found.position.group is Group.PROMPT:
        return f"{start}: the answer itself adds nothing that this run can see."
    if found.validation.above(before):
        return f"{start}: the model knows something before it answers, but less than its answer's tokens tell."
    return f"{start}: the intervals overlap, so this run does not show that the answer's tokens tell more."


def _own_confidence(found: Findings) -> str | None:
    if found.log_prob is None:
        return None
    start = (
        f"The model's own confidence, the mean log-probability of its answer, gives {found.log_prob.short} "
        "on the same test answers"
    )
    gain = found.log_prob_gain
    if gain is not None:
        difference = f"a paired difference of {gain.short_signed}"
        if gain.low > 0:
            return f"{start}; the probe reads more ({difference})."
        if gain.high < 0:
            return f"{start}; the probe reads less ({difference})."
        return f"{start}; which is better this run cannot tell ({difference})."
    if found.test.above(found.log_prob):
        return f"{start}, clearly less than the probe."
    if found.log_prob.above(found.test):
        return f"{start}, clearly more than the probe."
    return f"{start}; the intervals overlap, so which is better this run cannot tell."


def _text_alone(found: Findings) -> str | None:
    if found.text_baseline is None:
        return None
    start = f"The words of question and answer alone, without any hidden state, reach {found.text_baseline.short}"
    if found.validation.above(found.text_baseline):
        return f"{start}; the hidden states hold more than that ({found.validation.short} on the same answers)."
    if found.text_baseline.above(found.validation):
        return f"{start}, more than the hidden states give ({found.validation.short}): the words explain the map."
    return (
        f"{start}; the intervals overlap ({found.validation.short} by the probe), so this run does not show that the "
        "states hold more."
    )


def _within_one_answer(found: Findings) -> str | None:
    if found.within is None:
        return None
    start = (
        "Among answers that say the same, where it cannot help that some answers are right more often, the probe gets "
        f"{found.within.short} over {found.within.n:,} right-wrong pairs"
    )
    if found.within.low > CHANCE:
        return f"{start}: it reads more than which answers are usually right."
    return f"{start}: an interval that includes chance, so it may only know which answers are usually right."
