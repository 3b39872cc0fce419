"""Cohen's kappa against scikit-learn's, and its interval."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from truthmap.metrics.kappa import cohen_kappa, kappa_of

LABELS = np.array(["right", "wrong", "unscored"])


def drawn(n: int, agreement: float, kinds: int, seed: int) -> tuple[list[str], list[str]]:
    """Draw n labels and another grader's, who differs where chance says so."""
    rng = np.random.default_rng(seed)
    first = rng.integers(kinds, size=n)
    second = np.where(rng.random(n) < agreement, first, rng.integers(kinds, size=n))
    return LABELS[first].tolist(), LABELS[second].tolist()


def own_groups(n: int) -> list[str]:
    return [str(number) for number in range(n)]


@pytest.mark.parametrize("kinds", [2, 3])
@pytest.mark.parametrize("agreement", [0.0, 0.3, 0.8, 1.0])
def test_kappa_is_scikit_learns(agreement: float, kinds: int) -> None:
    first, second = drawn(200, agreement, kinds, seed=7)
    found = cohen_kappa(first, second, own_groups(200), "test")
    assert found is not None
    assert found.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    assert found.low <= found.value <= found.high
    assert found.n == 200


def test_shares_give_what_counts_give() -> None:
    counts = np.array([[40, 9], [4, 47]])
    assert kappa_of(counts / counts.sum()) == pytest.approx(kappa_of(counts))


def test_the_interval_covers_the_true_kappa() -> None:
    # Two labels, equally frequent: graders who agree by design in 60 % and else by chance have kappa 0.6.
    hits = 0
    for seed in range(40):
        first, second = drawn(150, 0.6, 2, seed)
        found = cohen_kappa(first, second, own_groups(150), "test")
        assert found is not None
        hits += found.low <= 0.6 <= found.high
    assert hits >= 34


def test_rows_of_one_group_are_no_more_evidence() -> None:
    first, second = drawn(60, 0.6, 2, seed=1)
    alone = cohen_kappa(first, second, own_groups(60), "test")
    copied = cohen_kappa(first * 5, second * 5, own_groups(60) * 5, "test")
    assert alone is not None
    assert copied is not None
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.15)


@pytest.mark.parametrize(("n", "least", "most"), [(5, -1.0, 0.5), (100, 0.9, 0.99)])
def test_graders_who_never_differ_are_not_promised_to_agree(n: int, least: float, most: float) -> None:
    first, _ = drawn(n, 1.0, 2, seed=3)
    found = cohen_kappa(first, first, own_groups(n), "test")
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert least <= found.low <= most


@pytest.mark.parametrize("labels", [[], ["right"], ["wrong"] * 30])
def test_kappa_of_one_label_alone_is_not_defined(labels: list[str]) -> None:
    assert cohen_kappa(labels, labels, own_groups(len(labels)), "test") is None
    assert np.isnan(kappa_of(np.zeros((2, 2))))
