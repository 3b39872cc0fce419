"""Thoughts that are read along the way and name answers, of which all is known."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from truthmap.analyses.early_exit.measure import ThoughtsSoFar

_NAMED = np.array([0.2, 0.6, 0.9, 1.0])
"""How many thoughts have named an answer at each of four places."""
_KEPT = np.array([0.6, 0.8, 0.95, 1.0])
"""How many of those named the one that the thought comes to."""


def draw_thoughts(n: int, seed: int, right: float = 0.7, signal: float = 1.5) -> ThoughtsSoFar:
    """Draw n thoughts: the log-odds read of right and wrong ones lie `signal` standard deviations apart.

    Args:
        n: How many.
        seed: Where the draws start.
        right: Share that comes to a right answer.
        signal: How well the outcome can be read, at each place alike.
    """
    random = np.random.default_rng(seed)
    is_right = random.random(n) < right
    p_right = expit(random.normal(np.where(is_right, signal / 2, -signal / 2)[:, None], 1.0, size=(n, 4)))
    now = np.where(random.random((n, 4)) < _KEPT, is_right[:, None], ~is_right[:, None]).astype(float)
    now[random.random(n)[:, None] >= _NAMED] = np.nan
    tokens = np.full(n, 40.0)
    return ThoughtsSoFar(
        p_right, now, np.tile([4.0, 12.0, 20.0, 40.0], (n, 1)), is_right, tokens, [f"q{seed}-{k}" for k in range(n)]
    )


def wrong_among_ended(known: ThoughtsSoFar, threshold: float) -> float:
    """Return the share of the thoughts ended at a threshold that had named a wrong answer, thought by thought."""
    named = []
    for p_right, now in zip(known.p_right, known.right_now, strict=True):
        here = [now[k] for k in range(len(now)) if now[k] == now[k] and p_right[k] >= threshold]
        named += here[:1]
    return 1 - float(np.mean(named)) if named else 0.0


def right_given_up(known: ThoughtsSoFar, place: int, threshold: float) -> float:
    """Return the share of the thoughts that come right of which nothing up to a place was read above a threshold."""
    right = known.p_right[known.right, : place + 1]
    return float((right.max(axis=1) < threshold).mean())
