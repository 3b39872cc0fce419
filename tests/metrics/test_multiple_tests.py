"""P-values of several tests at once."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.metrics.multiple_tests import holm


def test_holms_p_values_are_those_of_the_textbook() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("m", [1, 3, 12])
def test_corrected_p_values_keep_order_and_bounds(m: int) -> None:
    raw = np.random.default_rng(m).random(m)
    found = holm(raw)
    assert (np.diff(found[np.argsort(raw)]) >= 0).all()
    assert ((raw <= found) & (found <= np.minimum(1, m * raw))).all()


def test_of_twelve_noise_tests_one_in_twenty_families_rejects() -> None:
    rng = np.random.default_rng(0)
    rejected = [(holm(rng.random(12)) <= 0.05).any() for _ in range(2000)]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.015)
