"""The interval of the AUC within one answer: the point estimate is the grid's, and luck is not taken for knowledge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from truthmap.metrics.auc import auc_values
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.within_group_auc import within_auc, within_auc_many


def drawn(n: int, signal: float, seed: int = 0) -> tuple[Any, Any, list[str]]:
    draw = np.random.default_rng(seed)
    meaning = [f"m{k}" for k in draw.integers(25, size=n)]
    y = draw.random(n) < 0.5
    return np.round(draw.normal(size=n) + signal * y, 1), y, meaning


def test_the_estimate_is_the_one_of_the_grid() -> None:
    scores, y, meaning = drawn(300, 0.7)
    expected = within_auc_many(scores[None], y, meaning)
    found = within_auc(scores, y, meaning)
    assert found is not None
    assert found.value == pytest.approx(expected.auc[0], abs=1e-12)
    assert found.n == expected.pairs
    assert found.low < found.value < found.high


def test_the_interval_covers_chance_where_there_is_nothing_to_know() -> None:
    covers = 0
    for seed in range(60):
        found = within_auc(*drawn(250, 0.0, seed))
        assert found is not None
        covers += found.low <= 0.5 <= found.high
    assert covers >= 52


def test_knowing_which_answer_is_usual_does_not_help() -> None:
    """A score that is the meaning itself ties within every pair."""
    _, y, meaning = drawn(300, 0.0)
    found = within_auc(np.array([float(m[1:]) for m in meaning]), y, meaning)
    assert found is not None
    assert found.value == 0.5
    assert found.low < 0.5 < found.high


def test_one_answer_or_question_alone_has_no_interval() -> None:
    y = np.array([True, False, True, False])
    assert within_auc(np.arange(4.0), y, ["", "", "", ""]) is None
    assert within_auc(np.arange(4.0), y, ["a", "a", "", ""]) is None
    assert within_auc(np.arange(4.0), y, ["a"] * 4, ["q", "q", "q", "q"]) is None


def test_copies_of_the_questions_make_nothing_surer() -> None:
    scores, y, meaning = drawn(120, 1.0)
    once = within_auc(scores, y, meaning)
    eight = within_auc(np.tile(scores, 8), np.tile(y, 8), meaning * 8, [str(n % 120) for n in range(960)])
    assert once is not None
    assert eight is not None
    assert (eight.low, eight.high) == pytest.approx((once.low, once.high), abs=1e-9)


def test_with_one_text_it_is_the_plain_auc() -> None:
    scores, y, _ = drawn(90, 0.8)
    assert within_auc(scores, y, ["Peru"] * 90) == auc_estimate(scores, y).model_copy(
        update={"n": int(y.sum() * (~y).sum())}
    )


def test_the_mean_over_texts_is_not_ruled_by_a_common_one() -> None:
    """One text with 100 pairs says 1, nine with a pair each say 0."""
    common = [("x", True, 1.0), ("x", False, 0.0)] * 10
    rare = [(f"t{n}", right, 0.0 if right else 1.0) for n in range(9) for right in (True, False)]
    text, y, scores = zip(*common, *rare, strict=True)
    found = within_auc_many(np.array([scores]), np.array(y), text)
    assert found.auc[0] == pytest.approx(100 / 109)
    assert (found.mean[0], found.texts) == (pytest.approx(0.1), 10)


def test_pairs_that_say_the_same_are_counted() -> None:
    random = np.random.default_rng(0)
    y = random.random(80) < 0.5
    scores = np.round(random.standard_normal((1, 80)), 1)
    meaning = [*random.choice(["France", "Chad", "Peru"], 70).tolist(), *[""] * 10]
    wins = pairs = 0.0
    for i in np.flatnonzero(y):
        for j in np.flatnonzero(~y):
            if meaning[i] and meaning[i] == meaning[j]:
                wins += (scores[0, i] > scores[0, j]) + 0.5 * (scores[0, i] == scores[0, j])
                pairs += 1
    found = within_auc_many(scores, y, meaning)
    assert found.pairs == pairs
    assert found.auc[0] == pytest.approx(wins / pairs)


def test_knowing_which_answers_are_often_right_gives_half() -> None:
    random = np.random.default_rng(0)
    often = {"France": 0.9, "Chad": 0.1, "Peru": 0.5}
    meaning = random.choice(list(often), 300).tolist()
    y = random.random(300) < np.array([often[m] for m in meaning])
    scores = np.array([[often[m] for m in meaning]])
    assert auc_values(scores, y)[0] > 0.8
    assert within_auc_many(scores, y, meaning).auc[0] == 0.5


def test_no_two_answers_that_say_the_same_is_missing_not_half() -> None:
    found = within_auc_many(np.zeros((2, 3)), np.array([True, False, True]), ["a", "b", ""])
    assert found.pairs == 0
    assert np.isnan(found.auc).all()
