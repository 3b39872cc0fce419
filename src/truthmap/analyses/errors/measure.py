"""Kinds of error, by what a model says when it is asked the same question many times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.analyses.canonical import canonical_answer
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position
from truthmap.records import Answer, Grade, Outcome, Site

HALF = Fraction(1, 2)
"""A question is consistent, or refused, when at least this share of its samples agree."""

SIXTH = Fraction(1, 6)
"""Two answers compete when each has more than this share of the samples and they differ by at most this share."""

FEWEST_SCORED = Fraction(1, 2)
"""A question whose samples could be graded less often than this has no type."""


class ErrorType(StrEnum):
    """What a model says to one question, asked many times."""

    CONSISTENTLY_RIGHT = "consistently_right"
    """At least half of the samples are right."""
    CONSISTENTLY_WRONG = "consistently_wrong"
    """At least half of the samples give the same wrong answer."""
    TWO_COMPETING = "two_competing"
    """The right answer and one wrong answer come about equally often, each in more than a sixth of the samples."""
    MANY_DIFFERENT = "many_different"
    """No answer comes in half of the samples."""
    REFUSES = "refuses"
    """At least half of the samples decline to answer."""


@dataclass(frozen=True)
class SampleCounts:
    """What the samples of a question say.

    Attributes:
        scored: Samples that could be graded; the three counts below are among them.
        unscored: Samples that could not.
        right: Right ones.
        refused: Ones that decline to answer; they are not among `wrong`.
        wrong: How often each wrong answer was given, the most frequent first.
    """

    scored: int
    unscored: int
    right: int
    refused: int
    wrong: tuple[int, ...]

    @property
    def largest_wrong(self) -> int:
        """How often the most frequent wrong answer was given."""
        return max(self.wrong, default=0)


def count_samples(graded: Sequence[tuple[Answer, Grade]]) -> SampleCounts:
    """Group the samples of one question by their exact answers; all right ones are one answer."""
    pairs = [(a, g) for a, g in graded if g.outcome is not Outcome.UNSCORED]
    wrong = Counter(canonical_answer(a, g) for a, g in pairs if g.outcome is Outcome.WRONG and not g.refusal)
    return SampleCounts(
        scored=len(pairs),
        unscored=len(graded) - len(pairs),
        right=sum(g.outcome is Outcome.RIGHT for _, g in pairs),
        refused=sum(g.refusal for _, g in pairs),
        wrong=tuple(count for _, count in wrong.most_common()),
    )


def error_type(counts: SampleCounts) -> ErrorType | None:
    """Return the one type of a question, or `None` where fewer than half of its samples could be graded.

    The types of Orgad et al. (arXiv 2410.02707, section 5), made to exclude each other by asking in this order: does
    it refuse; do two answers compete; is it consistently right; consistently wrong; else many different answers. Every
    share is one of all samples: one that could not be graded agrees with no other and is not wrong either.
    """
    k = counts.scored + counts.unscored
    if not counts.scored or counts.scored < FEWEST_SCORED * k:
        return None
    if counts.refused >= HALF * k:
        return ErrorType.REFUSES
    if _compete(counts.right, counts.largest_wrong, SIXTH * k):
        return ErrorType.TWO_COMPETING
    if counts.right >= HALF * k:
        return ErrorType.CONSISTENTLY_RIGHT
    if counts.largest_wrong >= HALF * k:
        return ErrorType.CONSISTENTLY_WRONG
    return ErrorType.MANY_DIFFERENT


def paper_types(counts: SampleCounts) -> frozenset[ErrorType]:
    """Return all types of a question as the paper's own code assigns them: several, one or none.

    Its thresholds, in samples of k: half (k // 2), third (k // 3), sixth (k // 6). Declining counts as one more wrong
    answer; samples that could not be graded, which it does not know, count in k and nowhere else. Consistently right:
    all are right, or at least half are and a wrong answer was given too. Consistently wrong: one wrong answer comes in
    at least half. Two competing: right and most frequent wrong answer differ by at most a sixth, both above a sixth.
    Many different: at least a third different wrong answers, one fewer where the right one was given too. Refuses: no
    wrong answer comes more often than declining, the right one less often; such a question is not consistently wrong.
    Where k is so small that a threshold rounds to nothing, one sample is asked for.
    """
    k = counts.scored + counts.unscored
    half, third, sixth = k // 2, k // 3, k // 6
    wrong = [*counts.wrong, counts.refused] if counts.refused else [*counts.wrong]
    largest, different = max(wrong, default=0), len(wrong)
    refuses = counts.refused > counts.right and counts.refused == largest
    found = {
        ErrorType.REFUSES: refuses,
        ErrorType.CONSISTENTLY_RIGHT: counts.right == k or (counts.right >= max(1, half) and different > 0),
        ErrorType.CONSISTENTLY_WRONG: largest >= max(1, half) and not refuses,
        ErrorType.TWO_COMPETING: _compete(counts.right, largest, Fraction(sixth)),
        ErrorType.MANY_DIFFERENT: different >= (third - 1 if counts.right else third) and different > 0,
    }
    return frozenset(kind for kind, holds in found.items() if holds)


class TypeProtocol(StrEnum):
    """How questions are sorted into types."""

    TRUTHMAP = "truthmap"
    """Each question has one type, or none."""
    PAPER = "paper"
    """Several, one or none, as the paper's own code assigns them."""

    def types(self, counts: SampleCounts) -> frozenset[ErrorType]:
        """Return the types of a question."""
        if self is TypeProtocol.PAPER:
            return paper_types(counts)
        kind = error_type(counts)
        return frozenset() if kind is None else frozenset((kind,))


def _compete(right: int, wrong: int, share: Fraction) -> bool:
    return right > share and wrong > share and abs(right - wrong) <= share


class TypeScore(BaseModel):
    """How well one type can be read from the states of the greedy answer, before any sampling.

    Attributes:
        type: The type, told apart from all other questions.
        n: Questions of the type, of all questions that have a type.
        greedy_right: Share of right ones among their scored greedy answers; `None` without any.
        probed: Questions of the type whose greedy answer has states.
        site, layer, position: The best cell, chosen on train + validation; `None` where no probe could be fitted.
        validation: Its cross-validated AUC there.
        test: Its AUC on the test part, which was used for nothing else.
        log_prob: AUC of the mean log-probability of the greedy answer on the same test questions; below 0.5, a low one
            points to the type.
        why_not: Why there is no probe, or an empty text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    type: ErrorType
    n: int
    greedy_right: float | None
    probed: int
    site: Site | None = None
    layer: int | None = None
    position: Position | None = None
    validation: Estimate | None = None
    test: Estimate | None = None
    log_prob: Estimate | None = None
    why_not: str = ""


class ErrorTypes(AnalysisResult, BaseModel):
    """The kinds of error of a run, and whether they can be read before sampling.

    Attributes:
        model, questions: The run's.
        protocol: `truthmap`: each question has one type; `paper`: several, one or none.
        k: Samples per question.
        sampled: Questions that were sampled.
        without_type: Questions without a type: most of their samples could not be graded (or, in the paper's protocol,
            nothing fits).
        types: One for each type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    questions: str
    protocol: str
    k: int
    sampled: int
    without_type: int
    types: tuple[TypeScore, ...]

    @property
    def why_without_type(self) -> str:
        """Why questions have no type."""
        if self.protocol == str(TypeProtocol.TRUTHMAP):
            return "have no type: fewer than half of their samples could be graded"
        return "fit none of the paper's types"
