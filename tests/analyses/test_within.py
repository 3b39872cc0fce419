"""The interval of the AUC within one answer: the point estimate is the grid's, and luck is not taken for knowledge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from truthmap.metrics.within_group_auc import within_auc_many
from truthmap.metrics.within_interval import within_interval


def drawn(n: int, signal: float, seed: int = 0) -> tuple[Any, Any, list[str]]:
    draw = np.random.default_rng(seed)
    meaning = [f"m{k}" for k in draw.integers(25, size=n)]
    y = draw.random(n) < 0.5
    return np.round(draw.normal(size=n) + signal * y, 1), y, meaning


def test_the_estimate_is_the_one_of_the_grid() -> None:
    scores, y, meaning = drawn(300, 0.7)
    expected = within_auc_many(scores[None], y, meaning)
    found = within_interval(scores, y, meaning, "test")
    assert found is not None
    assert found.auc == pytest.approx(expected.auc[0], abs=1e-12)
    assert found.pairs == expected.pairs
    assert found.low < found.auc < found.high


def test_the_interval_covers_chance_where_there_is_nothing_to_know() -> None:
    covers = 0
    for seed in range(60):
        found = within_interval(*drawn(250, 0.0, seed), "test")
        assert found is not None
        covers += found.low <= 0.5 <= found.high
    assert covers >= 52


def test_knowing_which_answer_is_usual_does_not_help() -> None:
    """A score that is the meaning itself ties within every pair."""
    _, y, meaning = drawn(300, 0.0)
    found = within_interval(np.array([float(m[1:]) for m in meaning]), y, meaning, "test")
    assert found is not None
    assert (found.low, found.auc, found.high) == (0.5, 0.5, 0.5)


def test_without_pairs_of_two_meanings_there_is_no_interval() -> None:
    y = np.array([True, False, True])
    assert within_interval(np.arange(3.0), y, ["a", "a", "b"], "test") is None
    assert within_interval(np.arange(3.0), y, ["", "", ""], "test") is None
