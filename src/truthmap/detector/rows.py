"""Verdicts as plain data: for JSON, for tables, for the server."""

from __future__ import annotations

from typing import Any

from truthmap.detector.verdict import PromptForecast, Verdict


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
        "far": verdict.out_of_distribution,
        "question_out_of_distribution": verdict.question_out_of_distribution,
        "distance": verdict.distance,
        "similar": None if near is None else near.n,
        "similar_right": None if near is None else near.right,
        "meaning": verdict.explanation,
    }


def similar_row(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the most similar training answers; none where they were not sealed."""
    return [record.model_dump() for record in verdict.neighbours.nearest] if verdict.neighbours else []


def tokens_row(verdict: Verdict) -> list[dict[str, Any]]:
    """Return an answer's tokens with their scores."""
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
        "far": forecast.out_of_distribution,
        "distance": forecast.distance,
        "meaning": forecast.explanation,
    }
