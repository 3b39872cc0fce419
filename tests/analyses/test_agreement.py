"""Agreement of samples on hand-made distributions."""

from __future__ import annotations

import math

import pytest

from truthmap.analyses.compare.confidences import likelihood_semantic_entropy, self_consistency, semantic_entropy


def test_self_consistency_is_the_share_that_agrees() -> None:
    assert self_consistency(3, [3, 3, 1, 2]) == 0.5
    assert self_consistency(0, [1, 2]) == 0
    assert math.isnan(self_consistency(0, []))


def test_semantic_entropy_of_known_distributions() -> None:
    assert semantic_entropy([7, 7, 7]) == 0
    assert semantic_entropy([0, 1, 2, 3]) == pytest.approx(math.log(4))
    assert semantic_entropy([0, 0, 1, 2]) == pytest.approx(1.5 * math.log(2))
    assert math.isnan(semantic_entropy([]))


def test_equal_probabilities_weigh_like_counts() -> None:
    samples = [0, 0, 1, 2]
    assert likelihood_semantic_entropy(samples, [-5.0] * 4) == pytest.approx(semantic_entropy(samples))


def test_probable_samples_weigh_more() -> None:
    # Probabilities 0.6 and 0.2 for meaning 0, 0.2 for meaning 1: shares 0.8 and 0.2.
    log_probs = [math.log(0.6), math.log(0.2), math.log(0.2)]
    expected = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    assert likelihood_semantic_entropy([0, 0, 1], log_probs) == pytest.approx(expected)


def test_very_improbable_samples_do_not_underflow() -> None:
    assert likelihood_semantic_entropy([0, 1], [-5000.0, -5000.0]) == pytest.approx(math.log(2))
