"""What a detector says of an answer, and the same as plain data: for JSON, for tables, for the server."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from truthmap.answer_parts import final_answer, thought_text
from truthmap.detector.artifact import TrainingRecord
from truthmap.detector.caveats import Caveat
from truthmap.detector.config import Role
from truthmap.records import Answer, Span
from truthmap.shaded_answer import ShadedAnswer, ShadedToken, token_texts, wrote_part_of
from truthmap.shown import ShortRepr, Shown, TextTable

TRUSTED, NOT_TRUSTED, NO_CLAIM = "trusted", "not trusted", "no claim"
"""What a verdict is called where verdicts are counted."""


@dataclass(frozen=True, slots=True)
class TokenScore:
    """How an answer token reads to the detector.

    Attributes:
        token: Its id.
        start, end: The characters of the answer's text that it wrote.
        score: Log-odds that the answer is right, as the detector's weights read them at this token. They were fitted
            at the sealed position; elsewhere the number shows where the signal rises and falls, and is no probability.
    """

    token: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True, repr=False)
class Verdict(Shown):
    """How far to trust an answer.

    Attributes:
        question: The question's text.
        answer: The answer with its tokens.
        exact_answer: The characters of the answer's text that carry it, or `None`.
        trusted: Whether the detector accepts it (`True`) or abstains (`False`); `None`: nothing is claimed about it.
        p_wrong: The calibrated probability that it is wrong, in [0, 1]; `None` where nothing is claimed.
        p_wrong_before: The same before an answer token was generated, where the detector has such a head, the question
            is like the training questions and was asked as they were.
        score: Log-odds that it is right, before calibration; `None` for an answer without tokens.
        role: Which head was used.
        distance: Mahalanobis distance of the state to the training states.
        out_of_distribution: The distance is beyond the detector's threshold.
        question_out_of_distribution: So is that of the question alone, read before an answer token was generated.
        similar: The training answers whose states lie nearest, the nearest first; none where they were not sealed.
        tokens: Every answer token with its score.
        caveats: Why nothing is claimed; empty where something is.
        guarantee: The guarantee under which it was accepted or not; `None` where nothing is claimed or guaranteed.
        explanation: The verdict in one sentence.
    """

    question: str
    answer: Answer
    exact_answer: Span | None
    trusted: bool | None
    p_wrong: float | None
    p_wrong_before: float | None
    score: float | None
    role: Role | None
    distance: float | None
    out_of_distribution: bool
    question_out_of_distribution: bool
    similar: tuple[TrainingRecord, ...]
    tokens: tuple[TokenScore, ...]
    caveats: tuple[Caveat, ...]
    guarantee: str | None
    explanation: str

    def _line(self) -> str:
        known = "" if self.p_wrong is None else f", P(wrong) {self.p_wrong:.2f}"
        return f"{self.headline}{known}, {self.answer.text!r}"

    def _tables(self) -> Sequence[TextTable]:
        return [self.shaded.facts_table]

    def _repr_html_(self) -> str:
        return self.shaded._repr_html_()

    @property
    def shaded(self) -> ShadedAnswer:
        """The answer to be read, each token shaded by its score."""
        score = {(token.start, token.end): token.score for token in self.tokens}
        found = [score.get(place) for place in self.answer.offsets]
        exact = wrote_part_of(self.answer, self.exact_answer)
        tokens = (
            ShadedToken(text, math.tanh(s / 2), f"score {s:+.2f}", is_exact)
            if s is not None
            else ShadedToken(text, None, "", is_exact)
            for text, s, is_exact in zip(token_texts(self.answer), found, exact, strict=True)
        )
        facts = [("verdict", self.headline), ("why", self.explanation)]
        facts += [] if self.p_wrong is None else [("P(wrong)", f"{self.p_wrong:.2f}")]
        return ShadedAnswer(
            self.question,
            tuple(tokens),
            tuple(facts),
            "where the detector's signal rises (blue) and falls (orange); the exact answer is underlined",
        )

    @property
    def asked_as_trained(self) -> bool:
        """Whether the answer came as those did that the detector was measured on."""
        return not any(caveat.of_asking for caveat in self.caveats)

    @property
    def headline(self) -> str:
        """What to do with the answer, in a few words."""
        if self.trusted is None:
            return f"nothing is claimed: {', '.join(caveat.label for caveat in self.caveats)}"
        if not self.trusted:
            return "don't trust"
        return "trust" if self.guarantee else "trust, without a guarantee"

    @property
    def kind(self) -> str:
        """What it is called where verdicts are counted."""
        return NO_CLAIM if self.trusted is None else TRUSTED if self.trusted else NOT_TRUSTED


@dataclass(frozen=True, slots=True, repr=False)
class PromptForecast(ShortRepr):
    """What the detector expects from the prompt alone, before an answer token is generated; fields as in `Verdict`."""

    question: str
    p_wrong: float | None
    score: float
    distance: float
    out_of_distribution: bool
    caveats: tuple[Caveat, ...]
    explanation: str

    @property
    def asked_as_trained(self) -> bool:
        """Whether the question is put as the training questions were."""
        return not any(caveat.of_asking for caveat in self.caveats)


class VerdictRow(BaseModel):
    """A verdict as data that JSON can express; fields as in `Verdict`, but for these.

    Attributes:
        answer: The answer's text, `thought` and `final` its parts.
        exact_answer: The piece of it that carries the answer; start and end count characters of the answer's text.
        headline: What to do with the answer, in a few words.
        asked_as_trained: Whether the answer came as those did that the detector was measured on.
        head: Which head was used.
        similar_right: How many of the similar training answers are right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    answer: str
    thought: str | None
    final: str
    exact_answer: str | None
    exact_answer_start: int | None
    exact_answer_end: int | None
    headline: str
    trusted: bool | None
    p_wrong: float | None
    p_wrong_before: float | None
    guarantee: str | None
    asked_as_trained: bool
    caveats: tuple[Caveat, ...]
    score: float | None
    head: Role | None
    out_of_distribution: bool
    question_out_of_distribution: bool
    distance: float | None
    similar: tuple[TrainingRecord, ...]
    similar_right: int | None
    explanation: str


class ForecastRow(BaseModel):
    """A forecast as data that JSON can express; fields as in `PromptForecast`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    p_wrong_before: float | None
    asked_as_trained: bool
    caveats: tuple[Caveat, ...]
    score: float
    out_of_distribution: bool
    distance: float
    explanation: str


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain data: a `VerdictRow`; characters are counted in the answer's text."""
    span, similar = verdict.exact_answer, verdict.similar
    text = verdict.answer.text
    return VerdictRow(
        question=verdict.question,
        answer=text,
        thought=thought_text(verdict.answer),
        final=final_answer(verdict.answer).text,
        exact_answer=None if span is None else text[span.start : span.end],
        exact_answer_start=None if span is None else span.start,
        exact_answer_end=None if span is None else span.end,
        headline=verdict.headline,
        trusted=verdict.trusted,
        p_wrong=verdict.p_wrong,
        p_wrong_before=verdict.p_wrong_before,
        guarantee=verdict.guarantee,
        asked_as_trained=verdict.asked_as_trained,
        caveats=verdict.caveats,
        score=verdict.score,
        head=verdict.role,
        out_of_distribution=verdict.out_of_distribution,
        question_out_of_distribution=verdict.question_out_of_distribution,
        distance=verdict.distance,
        similar=similar,
        similar_right=sum(record.right for record in similar) if similar else None,
        explanation=verdict.explanation,
    ).model_dump(mode="json")


def token_rows(verdict: Verdict) -> list[dict[str, Any]]:
    """Return an answer's tokens with their scores as data."""
    text = verdict.answer.text
    return [
        {"token": t.token, "text": text[t.start : t.end], "start": t.start, "end": t.end, "score": t.score}
        for t in verdict.tokens
    ]


def forecast_row(forecast: PromptForecast) -> dict[str, Any]:
    """Return a forecast as plain data: a `ForecastRow`."""
    return ForecastRow(
        question=forecast.question,
        p_wrong_before=forecast.p_wrong,
        asked_as_trained=forecast.asked_as_trained,
        caveats=forecast.caveats,
        score=forecast.score,
        out_of_distribution=forecast.out_of_distribution,
        distance=forecast.distance,
        explanation=forecast.explanation,
    ).model_dump(mode="json")
