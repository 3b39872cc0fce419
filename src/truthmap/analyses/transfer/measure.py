"""How a probe trained on one set of questions does on others."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position
from truthmap.records import Site

OTHERS = "all others"
"""The source that stands for training on all sets but the target."""


class Choice(StrEnum):
    """Where the probe reads."""

    OWN = "own"
    """The best cell of the source."""
    COMMON = "common"
    """The cell with the highest mean AUC over all sources."""


class TransferSet(BaseModel):
    """One set of questions.

    Attributes:
        name: What the set is called here.
        trained, tested: Answers that its probe learns from, and that probes are tested on.
        right: Share of right ones among the tested.
        layer, position: Its best cell, chosen on train + validation.
        log_prob: AUC of its best free score on its test answers; `None` where answers have none.
        free_score: Which score that is, chosen on its own train + validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    trained: int
    tested: int
    right: float
    layer: int
    position: Position
    log_prob: Estimate | None
    free_score: str = "log-prob, mean"


class TransferScore(BaseModel):
    """A probe trained on a source and tested on a target.

    Attributes:
        choice: Where it reads.
        source, target: Names of sets; the source may be `OTHERS`.
        layer, position: The cell.
        n: Test answers of the target that have the position.
        excluded: Test answers left out because their question, or its group, is among the source's training questions.
        auc: On those test answers.
        minus_log_prob: That, minus the AUC of the target's best free score on the same answers, paired.
        error: Share of mistakes at the threshold that makes the fewest on the source's train + validation (scores of
            probes that did not see the answer).
        blind_error: Mistakes of always giving the target's commoner outcome.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    choice: Choice
    source: str
    target: str
    layer: int
    position: Position
    n: int
    excluded: int
    auc: Estimate
    minus_log_prob: Estimate | None
    error: Estimate
    blind_error: float


class Transfer(AnalysisResult, BaseModel):
    """All pairs of sets of one model.

    Attributes:
        model: The model.
        site: What was read.
        layer, position: The common cell.
        sets: The sets, in the order given.
        scores: For each choice, source and target one; and for the common choice one with the source `OTHERS` per
            target, if there are three sets or more. A pair is missing where the target had one outcome only.
        notes: Pairs that are missing, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    site: Site
    layer: int
    position: Position
    sets: tuple[TransferSet, ...]
    scores: tuple[TransferScore, ...]
    notes: tuple[str, ...]

    def score(self, choice: Choice, source: str, target: str) -> TransferScore | None:
        """Return the score of a pair, or `None` if it is missing."""
        for score in self.scores:
            if (score.choice, score.source, score.target) == (choice, source, target):
                return score
        return None

    def sources(self, choice: Choice) -> tuple[str, ...]:
        """Return the sources of a choice, in the order of the rows."""
        names = tuple(each.name for each in self.sets)
        others = any(score.choice is choice and score.source == OTHERS for score in self.scores)
        return (*names, OTHERS) if others else names
