"""What a detector says of an answer."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.detector.artifact import TrainingRecord
from truthmap.detector.config import Role
from truthmap.records import Answer, Span, StrEnum


class Trust(StrEnum):
    """What to do with an answer."""

    TRUST = "trust"
    DONT_TRUST = "don't trust"
    NO_EXACT_ANSWER = "no exact answer found"


@dataclass(frozen=True, slots=True)
class TokenScore:
    """How an answer token reads to the detector.

    Attributes:
        token: Its id.
        start, end: The characters of the answer's text that it wrote.
        p_wrong: What the detector's weights read at this token, through its calibration. Only at the sealed position
            is that a calibrated probability; elsewhere it shows where the signal rises and falls.
    """

    token: int
    start: int
    end: int
    p_wrong: float


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The training answers whose states lie nearest: how many there are, how many are right, the first few of them."""

    n: int
    right: int
    nearest: tuple[TrainingRecord, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far to trust an answer.

    Attributes:
        question: The question's text.
        answer: The answer with its tokens.
        exact_answer: The characters of the answer's text that carry it, or `None`.
        trust: Trust it, don't, or no exact answer found in it.
        p_wrong: The calibrated probability that it is wrong, in [0, 1]; `None` for an answer without tokens.
        p_wrong_before: The same before anything was said, where the detector has such a head.
        score: Log-odds that it is right, before calibration.
        role: Which head was used.
        distance: Mahalanobis distance of the state to the training states.
        far: The distance is beyond the detector's threshold: what it says may not hold here.
        question_far: So is the question's own, before anything was said.
        neighbours: The most similar training answers, where they were sealed too.
        tokens: Every answer token with its score.
        meaning: The verdict in one sentence.
    """

    question: str
    answer: Answer
    exact_answer: Span | None
    trust: Trust
    p_wrong: float | None
    p_wrong_before: float | None
    score: float | None
    role: Role | None
    distance: float | None
    out_of_distribution: bool
    question_out_of_distribution: bool
    neighbours: Neighbours | None
    tokens: tuple[TokenScore, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class PromptForecast:
    """What the detector expects before anything is said; fields as in `Verdict`."""

    question: str
    p_wrong: float
    score: float
    distance: float
    out_of_distribution: bool
    trust: Trust
    explanation: str


def chance(p_wrong: float) -> str:
    """Say a calibrated probability in words."""
    return f"of 100 answers scored like this, about {round(100 * p_wrong)} are wrong"
