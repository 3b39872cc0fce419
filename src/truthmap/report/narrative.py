"""What a run's numbers mean, in a few sentences: p-values, corrections and paired differences decide each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Floats, Ints
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.metrics.within_answer_record import WithinAnswer
from truthmap.positions import Group, Position, column_of
from truthmap.records import Site

CHANCE = 0.5
LEVEL = 0.05
ENOUGH_SHUFFLES = 19
"""Shuffles of the labels with which a p-value can be as small as `LEVEL`."""


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
        p_value: float64 (L, P), corrected for looking at every cell; `None`: the labels were not shuffled.
        shuffles: How often the labels were shuffled for it; 0: it is not known.
        own_answers: The model gave the answers itself; otherwise they came with the questions.
        text_baseline: The best text baseline, against the chosen cell on the test part.
        free_score: The best score that comes with an answer, likewise.
        before_answering: The best layer at the prompt's end, likewise.
        within: What the chosen cell tells on the test part among answers that say the same.
        few: The test answers are too few for any finding.
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
    p_value: Floats | None = None
    shuffles: int = 0
    own_answers: bool = True
    text_baseline: Rival | None = None
    free_score: Rival | None = None
    before_answering: Rival | None = None
    within: WithinAnswer | None = None
    few: bool = False

    @property
    def has_few_shuffles(self) -> bool:
        """Whether no p-value could be small enough, whatever the states hold: it is 1 / (shuffles + 1) at least."""
        return self.p_value is not None and 0 < self.shuffles < ENOUGH_SHUFFLES

    @property
    def is_shown(self) -> bool:
        """Whether the run shows that the outcome can be read at all.

        There are enough test answers, their interval lies above chance, and shuffled labels do not reach the chosen
        cell's AUC anywhere.
        """
        return not self.few and self.test.low > CHANCE and self.beats_shuffles(self.layer, self.position)

    def beats_shuffles(self, layer: int, position: Position) -> bool:
        """Tell whether a cell beats shuffled labels, corrected for looking at all cells; nothing to tell is yes."""
        return self.p_value is None or bool(self.p_value[layer, column_of(self.positions, position)] <= LEVEL)


@dataclass(frozen=True)
class Sentence:
    """A sentence about a run.

    Attributes:
        text: What it says, with its numbers.
        claims: Whether it says that something was found; else it gives numbers, or says what is not shown.
    """

    text: str
    claims: bool


def sentences(findings: Findings) -> tuple[Sentence, ...]:
    """Say what the numbers mean, in two to six sentences."""
    says: tuple[Callable[[Findings], Sentence | None], ...] = (
        best_place,
        how_sharp,
        before_answering,
        own_confidence,
        text_alone,
        within_one_answer,
    )
    return tuple(said for say in says if (said := say(findings)) is not None)


def place_in_words(position: Position) -> str:
    """Name a position in plain words."""
    return f"{position.wording}, before the model answers" if position.group is Group.PROMPT else position.wording


def best_place(found: Findings) -> Sentence:
    """Say where the outcome is read best, or that it is not shown to be read anywhere."""
    place = f"{place_in_words(found.position)} ({found.position}) in layer {found.layer}"
    if found.is_shown:
        return Sentence(
            f"Whether an answer is right is read best at {place}: AUC {found.test.short} on {found.test.n:,} test "
            f"answers that took no part in choosing it ({found.validation.value:.2f} where it was chosen).",
            claims=True,
        )
    chance = (
        "too few to decide anything"
        if found.few
        else "an interval that includes chance (0.5)"
        if found.test.low <= CHANCE
        else f"but from {found.shuffles} shuffles of the labels no p-value is below {1 / (found.shuffles + 1):.2f} "
        "(run it again with --permutations 100 --update)"
        if found.has_few_shuffles
        else "but shuffled labels reach as much where it was chosen, somewhere on the map"
    )
    return Sentence(
        f"This run does not show that the answers' correctness can be read anywhere: the best-looking place, {place}, "
        f"has AUC {found.test.short} on {found.test.n:,} test answers, {chance}.",
        claims=False,
    )


def how_sharp(found: Findings) -> Sentence:
    """Say how many cells the noise cannot tell from the best one, and how many are above chance at all."""
    fitted = np.isfinite(found.auc)
    n = int(fitted.sum())
    alike = int((fitted & (found.high >= found.validation.low)).sum())
    sharp = (
        f"{alike:,} have intervals that reach the chosen one's, so its exact layer and token are no finding"
        if alike > 1
        else "the chosen one's interval lies above all others"
    )
    if found.p_value is None:
        return Sentence(f"Of the {n:,} cells {sharp}.", claims=alike <= 1)
    significant = int((fitted & (found.p_value <= LEVEL)).sum())
    if found.has_few_shuffles:
        return Sentence(
            f"{found.shuffles} shuffles of the labels are too few to tell which of the {n:,} cells beat them; {sharp}.",
            claims=False,
        )
    if not significant:
        return Sentence(
            f"None of the {n:,} cells beats shuffled labels (corrected for looking at all of them): what differs "
            "between them is noise.",
            claims=False,
        )
    beat = (
        f"All {n:,} cells beat"
        if significant == n
        else f"Of the {n:,} cells {significant:,} beat{'s' if significant == 1 else ''}"
    )
    return Sentence(f"{beat} shuffled labels (corrected for looking at all of them); {sharp}.", claims=True)


def before_answering(found: Findings) -> Sentence | None:
    """Say whether something can be read at the prompt's end, before a single token of the answer is there."""
    rival = found.before_answering
    if rival is None or rival.cell is None:
        return None
    layer, position = rival.cell
    whose = "Before the model answers" if found.own_answers else "Before the answer, which came with the question"
    start = f"{whose}, {position.wording} gives {rival.test.short} on the same test answers (layer {layer})"
    if rival.test.low <= CHANCE or not found.beats_shuffles(layer, position):
        return Sentence(f"{start}: no better than chance as far as this run can tell.", claims=False)
    if not found.own_answers:
        return Sentence(f"{start}: some questions come with right answers more often, and that shows.", claims=True)
    if not found.is_shown:
        return Sentence(f"{start}; the chosen place itself is no finding, so neither is this.", claims=False)
    difference = f"a paired difference of {rival.gain.short_signed}"
    if rival.verdict == "more":
        return Sentence(
            f"{start}: something can be read before it answers, but less than at its answer's tokens ({difference}).",
            claims=True,
        )
    if rival.verdict == "less":
        return Sentence(f"{start}: more than at the chosen place ({difference}).", claims=True)
    return Sentence(
        f"{start}: something can be read before it answers; this run does not show that the answer's tokens tell more "
        f"({difference}).",
        claims=True,
    )


def own_confidence(found: Findings) -> Sentence | None:
    """Hold the probe against the best of the scores that come free with an answer."""
    rival = found.free_score
    if rival is None:
        return None
    start = f"The best score that comes free with an answer ({rival.name}) gives {rival.test.short} on these answers"
    return _against(found, rival, start, more="the probe reads more", less="the probe reads less")


def text_alone(found: Findings) -> Sentence | None:
    """Hold the probe against the best text baseline."""
    rival = found.text_baseline
    if rival is None:
        return None
    start = f"The best text baseline ({rival.name}; no hidden state) gives {rival.test.short} on these answers"
    return _against(
        found,
        rival,
        start,
        more="the hidden states hold more than the words",
        less="the words tell more than the hidden states: they explain the map",
    )


def within_one_answer(found: Findings) -> Sentence | None:
    """Say whether the probe tells right from wrong among answers that say the same."""
    if found.within is None:
        return None
    probe, text = found.within.probe, found.within.text
    words = "" if text is None else f"; the best text baseline gets {text.short} there"
    start = (
        "Among test answers that say the same, where it cannot help that some answers are right more often, the probe "
        f"gets {probe.short} over {probe.n:,} right-wrong pairs (the mean over {found.within.exact_answers:,} exact "
        f"answers is {found.within.probe_mean:.2f}){words}"
    )
    if probe.low > CHANCE and found.is_shown:
        return Sentence(f"{start}: it reads more than which answers are usually right.", claims=True)
    return Sentence(
        f"{start}: an interval that includes chance, so it may only know which answers are usually right."
        if probe.low <= CHANCE
        else f"{start}; the chosen place itself is no finding, so neither is this.",
        claims=False,
    )


def _against(found: Findings, rival: Rival, start: str, *, more: str, less: str) -> Sentence:
    difference = f"a paired difference of {rival.gain.short_signed}"
    if rival.verdict == "less" and rival.test.low > CHANCE:
        return Sentence(f"{start}; {less} ({difference}).", claims=True)
    if not found.is_shown:
        return Sentence(f"{start} ({difference}).", claims=False)
    if rival.verdict == "more":
        return Sentence(f"{start}; {more} ({difference}).", claims=True)
    return Sentence(f"{start}; which is better this run cannot tell ({difference}).", claims=False)
