"""Differences of maps: the paired test where labels are shared, honest under chance, sharp where one is."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.analyses.diff.measure import MapScores, array_of, compare_maps, rows_of
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.metrics.auc_interval import auc_many
from truthmap.metrics.paired_auc import auc_differences


def names(n: int, start: int = 0) -> tuple[str, ...]:
    return tuple(str(k) for k in range(start, start + n))


def a_map(rng, y, strength, shape=(3, 4), shared=0.0) -> np.ndarray:
    return strength * y + shared + rng.normal(size=(*shape, len(y)))


def test_with_the_same_labels_it_is_the_paired_test_of_delong() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(90) < 0.6
    common = rng.normal(size=90)
    one, other = a_map(rng, y, 1.0, shared=common), a_map(rng, y, 0.5, shared=common)
    found = compare_maps(MapScores(names(90), names(90), y, one), MapScores(names(90), names(90), y, other))
    for cell in np.ndindex(3, 4):
        expected = auc_differences(round_scores(np.stack([one[cell], other[cell]])), y, reference=0)
        assert found.difference[cell] == pytest.approx(expected.difference[1])
        assert found.low[cell] == pytest.approx(expected.low[1])
        assert found.p_value[cell] == pytest.approx(expected.p_value[1])


def test_without_common_questions_the_variances_add_up() -> None:
    rng = np.random.default_rng(1)
    y, z = rng.random(80) < 0.5, rng.random(120) < 0.3
    one, other = a_map(rng, y, 1.0, (1, 1)), a_map(rng, z, 1.0, (1, 1))
    found = compare_maps(MapScores(names(80), names(80), y, one), MapScores(names(120, 80), names(120, 80), z, other))
    variance = sum(float(auc_many(s[0], labels).variance[0]) for s, labels in ((one, y), (other, z)))
    assert (found.high - found.low)[0, 0] / 2 == pytest.approx(1.98 * np.sqrt(variance), rel=0.02)


def test_other_outcomes_on_the_same_questions_are_paired_rightly() -> None:
    """The error equals the spread of the difference over many repetitions."""
    rng = np.random.default_rng(2)
    differences, errors = [], []
    for _ in range(300):
        hard = rng.normal(size=150)
        y, z = hard + rng.normal(size=150) < 0, hard + rng.normal(size=150) < 0.5
        seen = rng.normal(size=150)
        found = compare_maps(
            MapScores(names(150), names(150), y, (y + seen)[None, None]),
            MapScores(names(150), names(150), z, (z + seen + rng.normal(size=150))[None, None]),
        )
        differences.append(found.difference[0, 0])
        errors.append((found.high - found.low)[0, 0] / 2 / 1.96)
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.12)


def test_maps_that_do_not_differ_are_seldom_called_different_anywhere() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(60):
        y = rng.random(100) < 0.5
        one, other = a_map(rng, y, 1.0, (4, 5)), a_map(rng, y, 1.0, (4, 5))
        found = compare_maps(MapScores(names(100), names(100), y, one), MapScores(names(100), names(100), y, other))
        assert (found.p_corrected >= found.p_value - 0.02).all()
        alarms += (found.p_corrected <= 0.05).any()
    assert alarms <= 9  # 3 are expected; more than 9 of 60 come by chance once in a thousand times


def test_a_real_difference_is_found_where_it_is() -> None:
    rng = np.random.default_rng(4)
    y = rng.random(300) < 0.5
    one = a_map(rng, y, 0.5)
    other = a_map(rng, y, 0.5)
    other[1, 2] += 2 * y
    found = compare_maps(MapScores(names(300), names(300), y, one), MapScores(names(300), names(300), y, other))
    assert np.argwhere(found.p_corrected <= 0.05).tolist() == [[1, 2]]
    assert found.difference[1, 2] > 0
    assert found.mean.low <= found.difference.mean() <= found.mean.high


def test_answers_that_lack_a_position_are_left_out_of_its_cells() -> None:
    rng = np.random.default_rng(5)
    y = rng.random(60) < 0.5
    one, other = a_map(rng, y, 1.0), a_map(rng, y, 1.0)
    one[:, 1, :30] = np.nan
    other[2, 3] = np.nan
    found = compare_maps(MapScores(names(60), names(60), y, one), MapScores(names(60), names(60), y, other))
    assert found.first[0, 1] == pytest.approx(auc_values(one[0, 1, 30:][None], y[30:])[0])
    assert np.isnan(found.difference[2, 3])
    assert np.isnan(found.p_corrected[2, 3])
    assert np.isfinite(found.difference).sum() == 11


def test_answers_that_belong_together_count_as_one() -> None:
    rng = np.random.default_rng(6)
    y = np.repeat(rng.random(40) < 0.5, 5)
    one, other = (np.repeat(a_map(rng, y[::5], 1.0, (1, 1)), 5, axis=2) for _ in range(2))
    groups = tuple(str(k // 5) for k in range(200))
    together = compare_maps(MapScores(names(200), groups, y, one), MapScores(names(200), groups, y, other))
    alone = compare_maps(MapScores(names(200), names(200), y, one), MapScores(names(200), names(200), y, other))
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio[0, 0] == pytest.approx(np.sqrt(5), rel=0.06)


def test_arrays_go_through_plain_numbers() -> None:
    values = np.array([[0.5, np.nan], [1.0, 0.25]])
    np.testing.assert_array_equal(array_of(rows_of(values)), values)
