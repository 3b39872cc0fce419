"""Laws of ending thoughts early: what is saved, what is lost, and that nothing ends before an answer is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from truthmap.analyses.early_exit.measure import THRESHOLDS, ThoughtsSoFar, exit_points

PLACES = (0.5, 1.0)
N = 60


def known(p_right: float = 0.99) -> ThoughtsSoFar:
    """Thoughts of 10 tokens that have named their final answer by half of them."""
    right = np.arange(N) % 3 > 0
    now = np.stack([right, right], axis=1).astype(float)
    spent, tokens = np.tile([5.0, 10.0], (N, 1)), np.full(N, 10.0)
    return ThoughtsSoFar(np.full((N, 2), p_right), now, spent, right, tokens, tuple(f"q{n}" for n in range(N)))


def test_a_sure_probe_saves_half_and_loses_nothing() -> None:
    by_probe, by_share = exit_points(known(), PLACES)
    for point in (*by_probe, by_share[0]):
        assert point.ended == 1
        assert (point.saved.value, point.lost.value) == (pytest.approx(0.5), 0)
        assert point.accuracy.value == pytest.approx(2 / 3)
    assert (by_share[1].saved.value, by_share[1].ended) == (0, 1)
    assert [point.rule for point in by_probe] == list(THRESHOLDS)


def test_a_probe_that_is_never_sure_ends_nothing() -> None:
    for point in exit_points(known(p_right=0.1), PLACES)[0]:
        assert (point.ended, point.saved.value, point.lost.value) == (0, 0, 0)


def test_nothing_ends_before_an_answer_is_named() -> None:
    silent = replace(known(), right_now=np.stack([np.full(N, np.nan), known().right.astype(float)], axis=1))
    by_probe, by_share = exit_points(silent, PLACES)
    assert {point.saved.value for point in (*by_probe, *by_share)} == {0}


def test_what_is_named_there_is_what_counts() -> None:
    hasty = replace(known(), right_now=np.stack([np.zeros(N), known().right.astype(float)], axis=1))
    by_probe, by_share = exit_points(hasty, PLACES)
    assert by_probe[0].accuracy.value == 0
    assert by_probe[0].lost.value == pytest.approx(-2 / 3)
    assert by_share[1].lost.value == 0
