"""The grid finds what was planted, nothing where nothing is, and says what it used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from truthmap.errors import UsageError
from truthmap.metrics.auc import round_scores
from truthmap.metrics.auc_interval import auc_many
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.probes.fit_grid import RIGHT, GridFit, fit_grid, fit_grids
from truthmap.probes.grid import Cell, Grid, best_cell, best_per_position
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.test_part import score_on_test
from truthmap.records import Site

from .conftest import MemoryStates, make_labels, planted

SETTINGS = GridSettings(n_permutations=30)
PLANTED = Cell(Site.RESIDUAL, 1, Position.of("exact_answer_first"))
AT = (1, 4)


@pytest.fixture(scope="module")
def fit() -> GridFit:
    source, labels = planted()
    return fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT]


def test_the_planted_cell_is_the_best_and_the_only_significant_one(fit: GridFit) -> None:
    assert best_cell(fit.grid) == PLANTED
    significant = fit.grid.significant()
    assert significant[AT]
    assert significant.sum() == 1
    assert fit.grid.p_value[AT] == pytest.approx(1 / 31)


def test_every_probe_says_that_it_converged(fit: GridFit) -> None:
    fitted = np.isfinite(fit.grid.auc)
    assert fit.grid.converged[fitted].all()
    assert (fit.grid.gap[fitted] <= 1e-5).all()
    assert not fit.grid.converged[~fitted].any()


def test_missing_is_missing(fit: GridFit) -> None:
    source, labels = planted()
    train = labels.of(test=False)
    present = source.present[:, [source.ids.index(i) for i in train.ids]]
    assert (fit.grid.n == present.sum(axis=1)).all()
    assert (fit.grid.n_right == (present & train.y).sum(axis=1)).all()
    assert np.isnan(fit.grid.auc[:, 8]).all()  # five answers are too few
    known = np.isfinite(fit.out_of_fold.scores)
    assert (known[0] == (present & (np.arange(len(LEGACY_POSITIONS)) != 8)[:, None])).all()


def test_auc_is_that_of_the_out_of_fold_scores(fit: GridFit) -> None:
    _, labels = planted()
    right = dict(zip(labels.ids, labels.y, strict=True))
    for position in (0, 4, 7):
        cell = Cell(Site.RESIDUAL, 1, LEGACY_POSITIONS[position])
        scores = fit.out_of_fold.at(cell)
        y = np.array([right[i] for i in scores])
        found = auc_many(round_scores(np.array([list(scores.values())])), y)
        assert found.auc[0] == pytest.approx(fit.grid.auc[fit.grid.index(cell)], abs=1e-3)
        assert found.low[0] == pytest.approx(fit.grid.low[fit.grid.index(cell)], abs=1e-3)


def test_shuffled_labels_give_one_half() -> None:
    source, labels = planted(n=400)
    shuffled = replace(labels, y=np.random.default_rng(3).permutation(labels.y))
    grid = fit_grid(source, shuffled, Site.RESIDUAL, GridSettings(cs=(1e-2,), n_permutations=0))
    assert np.nanmean(grid.auc) == pytest.approx(0.5, abs=0.015)


def test_the_test_part_is_not_looked_at() -> None:
    source, labels = planted()
    test = np.array([split.value == "test" for split in labels.split])
    spoiled = source.states.clone()
    spoiled[:, :, torch.from_numpy(test)] = 1e6
    settings = GridSettings(cs=(1e-2,), n_permutations=3)
    before = fit_grid(source, labels, Site.RESIDUAL, settings)
    after = fit_grid(replace(source, states=spoiled), replace(labels, y=labels.y ^ test), Site.RESIDUAL, settings)
    pd.testing.assert_frame_equal(before.to_frame(), after.to_frame())


def test_several_labels_at_once_are_each_alone() -> None:
    source, labels = planted()
    other = np.random.default_rng(5).random(len(labels.ids)) < 0.3
    settings = GridSettings(n_permutations=5)
    both = fit_grids(source, labels, {"right": labels.y, "other": other}, Site.RESIDUAL, settings)
    alone = fit_grids(source, labels, {"other": other}, Site.RESIDUAL, settings)["other"]
    np.testing.assert_allclose(both["other"].grid.auc, alone.grid.auc, atol=1e-3)
    np.testing.assert_array_equal(both["other"].null, alone.null)


def test_an_overflowed_state_is_missing_in_its_cell_alone() -> None:
    source, labels = planted()
    row = next(n for n, split in enumerate(labels.split) if split.value != "test")
    states = source.states.clone()
    states[1, 4, row, 3] = float("inf")
    settings = GridSettings(cs=(1e-2,), n_permutations=2)
    whole = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT]
    broken = fit_grids(replace(source, states=states), labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT]
    differs = whole.grid.n != broken.grid.n
    assert np.argwhere(differs).tolist() == [[1, 4]]
    assert labels.ids[row] not in broken.out_of_fold.at(PLANTED)
    assert np.isfinite(broken.grid.auc[1, 4])


def test_states_that_are_all_the_same_give_exactly_one_half() -> None:
    source, labels = planted()
    settings = GridSettings(cs=(1e-2, 1.0), n_permutations=0)
    grid = fit_grid(replace(source, states=torch.ones_like(source.states) * 3.7), labels, Site.RESIDUAL, settings)
    assert (grid.auc[np.isfinite(grid.auc)] == 0.5).all()


def test_the_callers_threads_are_left_as_they_were() -> None:
    source, labels = planted()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        fit_grid(source, labels, Site.RESIDUAL, GridSettings(cs=(1e-2,), n_permutations=0))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_any_number_of_threads_gives_the_same_numbers() -> None:
    source, labels = planted()
    settings = GridSettings(cs=(1e-2, 1.0), n_permutations=3)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(fit_grid(source, labels, Site.RESIDUAL, settings).to_frame())
    finally:
        torch.set_num_threads(before)
    pd.testing.assert_frame_equal(*found)


def test_the_table_reads_back_and_old_tables_too(fit: GridFit) -> None:
    frame = fit.grid.to_frame()
    pd.testing.assert_frame_equal(Grid.from_frame(frame.sample(frac=1, random_state=0)).to_frame(), frame)
    older = Grid.from_frame(frame.drop(columns=["p_value", "within_pairs"]))
    assert np.isnan(older.p_value).all()
    assert (older.within_pairs == 0).all()


def test_a_grid_of_other_positions_is_addressed_by_name() -> None:
    source, labels = planted()
    settings = GridSettings(cs=(1e-2,), n_permutations=0)
    whole = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT]
    columns = tuple(Position.of(name) for name in ("-1", "exact_answer_first", "last_q"))
    fit = fit_grids(replace(source, positions=columns), labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT]
    assert fit.grid.positions == fit.out_of_fold.positions == columns
    assert best_cell(fit.grid) == PLANTED
    for position in columns:
        cell = Cell(Site.RESIDUAL, 1, position)
        assert fit.grid.auc[fit.grid.index(cell)] == whole.grid.auc[whole.grid.index(cell)]
        np.testing.assert_array_equal(fit.out_of_fold.of(cell), whole.out_of_fold.of(cell))
    read = Grid.from_frame(fit.grid.to_frame())
    assert read.positions == columns, "in the order in which they were chosen"
    assert read.auc[read.index(PLANTED)] == fit.grid.auc[fit.grid.index(PLANTED)]
    with pytest.raises(UsageError, match="there is no position -2 here; there are -1, exact_answer_first, last_q"):
        fit.grid.index(Cell(Site.RESIDUAL, 1, Position.of("-2")))


def test_the_best_of_each_position_come_in_order(fit: GridFit) -> None:
    best = best_per_position(fit.grid)
    aucs = [fit.grid.auc[fit.grid.index(cell)] for cell in best]
    assert aucs == sorted(aucs, reverse=True)
    assert best[0] == PLANTED
    assert len({cell.position for cell in best}) == len(best)
    assert "-7" not in [str(cell.position) for cell in best]  # hardly any answer has it


def test_the_test_score_is_that_of_a_probe_of_train_and_validation(fit: GridFit) -> None:
    source, labels = planted()
    score = score_on_test(source, labels, fit.grid, PLANTED, SETTINGS)
    assert set(score.scores) == set(labels.of(test=True).ids)
    assert 0.8 < score.auc.value <= 1
    assert score.auc.low < score.auc.value < score.auc.high


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cs": ()}, "cs must be positive numbers"),
        ({"cs": (0.1, -1.0)}, "cs must be positive numbers"),
        ({"confidence": 1.0}, "confidence must lie between 0 and 1"),
        ({"n_permutations": -1}, "n_permutations must be 0 or more"),
    ],
)
def test_settings_outside_what_is_allowed_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        GridSettings(**setting)  # type: ignore[arg-type]


def test_the_gram_matrix_of_few_answers_gives_the_same_result() -> None:
    source, labels = planted(n=60, d=80, n_layers=1, layer=0)
    settings = GridSettings(cs=(1e-2, 1.0), n_permutations=4, fewest=5)
    wide = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT]
    copies = torch.cat([source.states] * 2, dim=3)  # twice the dimensions, each twice as strong a penalty
    doubled = fit_grids(
        replace(source, states=copies), labels, {RIGHT: labels.y}, Site.RESIDUAL, replace(settings, cs=(5e-3, 0.5))
    )[RIGHT]
    assert isinstance(source, MemoryStates)
    pair = 1 / (wide.grid.n_right * (wide.grid.n - wide.grid.n_right))  # what one pair of answers counts for
    assert (np.abs(wide.grid.auc - doubled.grid.auc)[np.isfinite(wide.grid.auc)] <= 2.1 * pair[wide.grid.n > 20]).all()
    np.testing.assert_allclose(wide.null, doubled.null, atol=1e-3)
    assert make_labels(labels.y).ids == labels.ids
