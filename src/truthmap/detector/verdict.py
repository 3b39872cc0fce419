"""What a detector says of an answer, and the same as plain data: for JSON, for tables, for the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        trust: Trust it (accepted), don't (abstained), or no exact answer found in it.
        p_wrong: The calibrated probability that it is wrong, in [0, 1]; `None` for an answer without tokens.
        p_wrong_before: The same before an answer token was generated, where the detector has such a head.
        score: Log-odds that it is right, before calibration.
        role: Which head was used.
        distance: Mahalanobis distance of the state to the training states.
        out_of_distribution: The distance is beyond the detector's threshold: what it says may not hold here.
        question_out_of_distribution: So is that of the question alone, read before an answer token was generated.
        neighbours: The most similar training answers, where they were sealed too.
        tokens: Every answer token with its score.
        explanation: The verdict in one sentence.
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
    """What the detector expects from the prompt alone, before an answer token is generated; fields as in `Verdict`."""

    question: str
    p_wrong: float
    score: float
    distance: float
    out_of_distribution: bool
    trust: Trust
    explanation: str


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as data that JSON can express; characters are counted in the answer's text."""
    span, near = verdict.exact_answer, verdict.neighbours
    text = verdict.answer.text
    return {
        "question": verdict.question,
        "answer": text,
        "exact_answer": None if span is None else text[span.start : span.end],
        "exact_answer_start": None if span is None else span.start,
        "exact_answer_end": None if span is None else span.end,
        "trust": str(verdict.trust),
        "p_wrong": verdict.p_wrong,
        "p_wrong_before": verdict.p_wrong_before,
        "score": verdict.score,
        "head": None if verdict.role is None else str(verdict.role),
        "out_of_distribution": verdict.out_of_distribution,
        "question_out_of_distribution": verdict.question_out_of_distribution,
        "distance": verdict.distance,
        "similar": None if near is None else near.n,
        "similar_right": None if near is None else near.right,
        "explanation": verdict.explanation,
    }


def similar_rows(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the most similar training answers as data, the nearest first; none where they were not sealed."""
    return [record.model_dump() for record in verdict.neighbours.nearest] if verdict.neighbours else []


def token_rows(verdict: Verdict) -> list[dict[str, Any]]:
    """Return an answer's tokens with their scores as data."""
    text = verdict.answer.text
    return [
        {"token": t.token, "text": text[t.start : t.end], "start": t.start, "end": t.end, "p_wrong": t.p_wrong}
        for t in verdict.tokens
    ]


def forecast_row(forecast: PromptForecast) -> dict[str, Any]:
    """Return a forecast as data that JSON can express."""
    return {
        "question": forecast.question,
        "p_wrong_before": forecast.p_wrong,
        "score": forecast.score,
        "out_of_distribution": forecast.out_of_distribution,
        "distance": forecast.distance,
        "explanation": forecast.explanation,
    }
