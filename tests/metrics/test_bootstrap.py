"""Bootstrapped intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from truthmap.metrics.auc import auc_many
from truthmap.metrics.bootstrap import bootstrap, bootstrap_auc


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


def test_the_bootstrap_is_that_of_drawing_groups() -> None:
    random = np.random.default_rng(0)
    y = random.random(40) < 0.5
    scores = np.round(random.standard_normal((2, 40)) + y, 1)
    group = [f"g{i // 2}" for i in range(40)]
    found = bootstrap_auc(scores, y, group, 0.9, n_resamples=300, seed=5)
    draws = np.random.default_rng(5).multinomial(20, np.full(20, 1 / 20), 300)
    order = {name: n for n, name in enumerate(sorted(set(group)))}
    for row, low, high in zip(scores, found.low, found.high, strict=True):
        slow = []
        for draw in draws:
            rows = np.repeat(np.arange(40), [draw[order[g]] for g in group])
            slow.append(roc_auc_score(y[rows], row[rows]))
        np.testing.assert_allclose([low, high], np.quantile(slow, [0.05, 0.95]), atol=1e-6)


def test_answers_that_hang_together_make_the_interval_wider() -> None:
    random = np.random.default_rng(0)
    y = np.repeat(random.random(60) < 0.5, 4)
    scores = (np.repeat(random.standard_normal(60), 4) + y)[None]
    alone = bootstrap_auc(scores, y, [str(i) for i in range(240)], 0.95)
    together = bootstrap_auc(scores, y, [str(i // 4) for i in range(240)], 0.95)
    assert together.high[0] - together.low[0] > 1.5 * (alone.high[0] - alone.low[0])


def test_bootstrap_without_groups_agrees_with_delong() -> None:
    random = np.random.default_rng(0)
    y = random.random(300) < 0.5
    scores = (random.standard_normal(300) + y)[None]
    delong = auc_many(scores, y)
    drawn = bootstrap_auc(scores, y, [str(i) for i in range(300)], 0.95)
    assert drawn.low[0] == pytest.approx(delong.low[0], abs=0.01)
    assert drawn.high[0] == pytest.approx(delong.high[0], abs=0.01)
