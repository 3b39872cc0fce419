"""Log-probabilities summed up."""

from __future__ import annotations

import math
from dataclasses import astuple

import pytest

from truthmap.metrics.token_scores import TokenSummary, mean_log_prob, summarize_tokens
from truthmap.records import Answer, Span

VALUES = (-1.0, -3.0, -0.5, -2.0)


def test_four_ways_to_sum_up() -> None:
    assert summarize_tokens(VALUES) == TokenSummary(pytest.approx(-1.625), pytest.approx(-6.5), -3.0, -2.0)
    assert summarize_tokens(VALUES, Span(1, 3)) == TokenSummary(pytest.approx(-1.75), pytest.approx(-3.5), -3.0, -0.5)


def test_nothing_sums_up_to_nothing() -> None:
    assert all(math.isnan(value) for value in astuple(summarize_tokens(())))


def test_the_length_normalised_one_is_the_mean() -> None:
    answer = Answer("q", (1,), (2, 3, 4, 5), "text", VALUES, ((0, 1),) * 4, finished=True)
    assert mean_log_prob(answer) == summarize_tokens(VALUES).mean
