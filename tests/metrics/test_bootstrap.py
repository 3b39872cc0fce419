"""Bootstrapped intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from truthmap.metrics.bootstrap import bootstrap


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(size=400)
    (found,) = bootstrap(lambda rows: np.array([values[rows].mean()]), [str(n) for n in range(400)], "mean")
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_what_belongs_together_is_drawn_together() -> None:
    # 40 groups of ten equal answers hold as much as 40 answers: the interval is √10 wider than for 400 of them.
    values = np.repeat(np.random.default_rng(1).normal(size=40), 10)
    alone = bootstrap(lambda rows: np.array([values[rows].mean()]), [str(n) for n in range(400)], "x")[0]
    together = bootstrap(lambda rows: np.array([values[rows].mean()]), [str(n // 10) for n in range(400)], "x")[0]
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.15)


def test_the_label_alone_decides_the_draws() -> None:
    values = np.arange(20.0)

    def measure(rows):
        return np.array([values[rows].mean()])

    names = [str(n) for n in range(20)]
    assert bootstrap(measure, names, "a") == bootstrap(measure, names, "a")
    assert bootstrap(measure, names, "a") != bootstrap(measure, names, "b")


def test_few_groups_have_wider_percentiles() -> None:
    values = np.random.default_rng(3).normal(size=8)
    (found,) = bootstrap(lambda rows: np.array([values[rows].mean()]), list("abcdefgh"), "few", resamples=4000)
    half = student.ppf(0.975, 7) * values.std(ddof=1) / np.sqrt(8)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)
