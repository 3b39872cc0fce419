"""What is told among answers that say the same, on answers that taught nothing."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.metrics.within_answer import measure_within


def drawn(n: int, seed: int = 0) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    """Answers of 12 texts, some of them right more often; returns texts, outcomes, questions and each text's rate."""
    random = np.random.default_rng(seed)
    of = random.integers(12, size=n)
    rate = np.linspace(0.2, 0.8, 12)[of]
    return [f"country {k}" for k in of], random.random(n) < rate, [f"q{k}" for k in range(n)], rate


def test_who_knows_the_texts_alone_gets_a_half_on_new_answers() -> None:
    """A rate that was learned elsewhere is one number for each text: every pair is a tie."""
    said, y, group, rate = drawn(400)
    found = measure_within(said, y, group, rate.tolist(), rate.tolist())
    assert found is not None
    assert found.text is not None
    assert found.probe.value == found.text.value == found.probe_mean == found.text_mean == 0.5


def test_a_rate_learned_without_the_answer_itself_is_punished_for_it() -> None:
    """Why the number is one of the test part: out of fold, its own outcome lowers what is known of an answer's text."""
    said, y, group, _ = drawn(400)
    left_out = [np.mean([y[j] for j in range(len(y)) if said[j] == said[i] and j != i]) for i in range(len(y))]
    found = measure_within(said, y, group, left_out, None)
    assert found is not None
    assert found.probe.high < 0.5


def test_probe_and_words_are_measured_on_the_same_pairs() -> None:
    said, y, group, rate = drawn(300, 1)
    probe = y + np.random.default_rng(2).normal(size=300)
    found = measure_within(said, y, group, probe.tolist(), rate.tolist())
    assert found is not None
    assert found.text is not None
    assert found.probe.n == found.text.n
    assert found.probe.low > found.text.value == 0.5
    outcomes = {text: {b for t, b in zip(said, y.tolist(), strict=True) if t == text} for text in said}
    assert found.exact_answers == sum(len(each) == 2 for each in outcomes.values())
    assert 0.5 < found.probe_mean < 1


@pytest.mark.parametrize("said", [["a", "b", "c", "d"], ["", "", "", ""], ["a", "a", "b", "c"]])
def test_without_pairs_of_several_questions_there_is_nothing(said: list[str]) -> None:
    y = np.array([True, False, True, False])
    assert measure_within(said, y, list("wxyz"), [1.0, 2.0, 3.0, 4.0], None) is None
