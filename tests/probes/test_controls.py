"""Words alone, fewer answers, several cells, and the way of the paper."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from truthmap.arrays import Floats32
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.probes.fit_grid import RIGHT, fit_grids
from truthmap.probes.grid import Cell, Grid, GridScores
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.learning_curve import fit_curve
from truthmap.probes.linear import fit_probe
from truthmap.probes.paper_protocol import fit_paper_protocol, held_out, ignore_convergence_warnings
from truthmap.probes.stacking import choose_cells, fit_stack
from truthmap.probes.test_part import score_on_test
from truthmap.probes.text_baseline import TextBaselineFit, fit_text_baselines, with_text_baselines
from truthmap.probes.text_features import RowTexts
from truthmap.records import Site

from .conftest import MemoryStates, make_labels, make_sample, planted

SETTINGS = GridSettings(n_permutations=0)
PLANTED = Cell(Site.RESIDUAL, 1, Position.of("exact_answer_first"))
AT = (1, 4)


def seen_labels(n: int = 160) -> LabelledAnswers:
    return make_labels(np.random.default_rng(0).random(n) < 0.5, test_share=0.0)


def texts_for(
    labels: LabelledAnswers,
    exact: Sequence[str] | None = None,
    answer: Sequence[str] | None = None,
    question: Sequence[str] | None = None,
) -> RowTexts:
    n = len(labels.ids)
    filled = (tuple(texts or [""] * n) for texts in (exact, answer, question))
    return RowTexts(labels.ids, *filled, np.zeros((n, 2)))


def auc_of(fit: TextBaselineFit, column: str) -> float:
    """The out-of-fold AUC of the baseline with this column."""
    (row,) = [n for n, kind in enumerate(fit.baselines.kinds) if kind.column == column]
    return float(auc_values(round_scores(fit.baselines.scores[row][None]), fit.labels.y)[0])


def said_by(labels: LabelledAnswers, share: float, seed: int = 1) -> list[str]:
    """A name for each answer; `share` of the right ones say the name that is always right."""
    draws = np.random.default_rng(seed).random(len(labels.y))
    return ["France" if right and u < share else "Chad" for right, u in zip(labels.y, draws, strict=True)]


def test_words_find_that_some_answers_are_right_more_often() -> None:
    labels = seen_labels()
    fit = fit_text_baselines(texts_for(labels, said_by(labels, 0.9)), labels)
    assert auc_of(fit, "exact_answer_text_auc") > 0.9
    assert auc_of(fit, "question_text_auc") == 0.5


@pytest.mark.parametrize("part", ["exact", "answer", "question"])
def test_the_best_baseline_reads_every_part_of_the_text(part: str) -> None:
    labels = seen_labels()
    fit = fit_text_baselines(texts_for(labels, **{part: said_by(labels, 0.8)}), labels)
    assert auc_of(fit, fit.baselines.best.column) > 0.8


def test_parts_that_tell_different_things_are_read_jointly() -> None:
    labels = seen_labels(400)
    texts = texts_for(labels, said_by(labels, 0.5, 1), said_by(labels, 0.5, 2), said_by(labels, 0.5, 3))
    fit = fit_text_baselines(texts, labels)
    single = max(auc_of(fit, f"{part}_text_auc") for part in ("exact_answer", "whole_answer", "question"))
    assert auc_of(fit, "all_words_auc") > single + 0.05
    assert fit.baselines.best.column in ("all_words_auc", "all_text_auc")


def test_words_that_tell_nothing_give_about_one_half() -> None:
    labels = seen_labels(400)
    said = np.random.default_rng(2).choice(["France", "Chad", "Peru", "Mali"], 400).tolist()
    fit = fit_text_baselines(texts_for(labels, said, [f"It is {name}." for name in said]), labels)
    assert auc_of(fit, fit.baselines.best.column) < 0.57


def test_a_training_part_of_one_outcome_teaches_nothing() -> None:
    labels = replace(seen_labels(), fold=np.repeat([0, 1], 80), y=np.repeat([True, False], 80))
    fit = fit_text_baselines(texts_for(labels, ["a b"] * 160), labels)
    assert np.isfinite(fit.baselines.scores).all()


def test_lengths_are_a_baseline_too() -> None:
    labels = seen_labels()
    lengths = (labels.y * 3.0 + np.random.default_rng(0).random(len(labels.y)))[:, None]
    fit = fit_text_baselines(replace(texts_for(labels), lengths=lengths), labels)
    assert auc_of(fit, "length_auc") == 1.0


@dataclass(frozen=True)
class Vowels:
    """A stand-in for a sentence-embedding model."""

    def encode(self, texts: Sequence[str]) -> Floats32:
        return np.array([[text.count(vowel) for vowel in "aeiou"] for text in texts], dtype=np.float32)


def test_embeddings_are_a_baseline_where_a_model_is_given() -> None:
    labels = seen_labels()
    texts = texts_for(labels, answer=["boo" if right else "bee" for right in labels.y])
    without, fit = fit_text_baselines(texts, labels), fit_text_baselines(texts, labels, Vowels())
    assert auc_of(fit, "embeddings_auc") == 1.0
    assert {kind.column for kind in fit.baselines.kinds} - {kind.column for kind in without.baselines.kinds} == {
        "embeddings_auc", "text_and_embeddings_auc",
    }  # fmt: skip


def test_baselines_are_scored_on_the_answers_of_each_cell() -> None:
    source, labels = planted()
    fit = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT]
    seen = labels.of(test=False)
    texts = texts_for(seen, ["yes" if right else "no" for right in seen.y])
    grid = with_text_baselines(fit.grid, fit_text_baselines(texts, seen).baselines, fit.out_of_fold, labels)
    known = np.isfinite(grid.auc)
    assert (grid.exact_answer_text_auc[known] == 1.0).all()
    assert (grid.question_text_auc[known] == 0.5).all()
    assert (grid.text_baseline_auc[known] == 1.0).all()
    assert np.isnan(grid.text_baseline_auc[~known]).all()
    assert np.isnan(grid.embeddings_auc).all()


def test_the_test_part_is_scored_by_what_train_and_validation_taught() -> None:
    labels = make_labels(np.random.default_rng(0).random(300) < 0.5)
    seen, unseen = labels.of(test=False), labels.of(test=True)
    whole = texts_for(labels, said_by(labels, 0.8))
    fit = fit_text_baselines(whole.take(seen.ids), seen)
    scores = fit.score(whole.take(unseen.ids))
    france = [s for i, s in scores.items() if whole.exact_answer[labels.ids.index(i)] == "France"]
    chad = [s for i, s in scores.items() if whole.exact_answer[labels.ids.index(i)] == "Chad"]
    assert set(scores) == set(unseen.ids)
    assert min(france) > max(chad)


def test_the_curve_rises_and_ends_where_the_map_stands() -> None:
    source, labels = planted(n=400)
    grid = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT].grid
    curve = fit_curve(source, labels, [Site.RESIDUAL], SETTINGS)
    sizes = sorted({point.size for point in curve})
    mean = [np.mean([point.auc for point in curve if point.size == size]) for size in sizes]
    seen = labels.of(test=False)
    assert sizes[:2] == [50, 100]
    assert sizes[-1] == min(int((seen.fold != f).sum()) for f in range(4))
    assert mean[0] < mean[-1]
    assert mean[-1] == pytest.approx(grid.auc[AT], abs=0.03)
    assert {(point.layer, point.position) for point in curve if point.size == sizes[-1]} == {
        (PLANTED.layer, str(PLANTED.position))
    }


def test_the_curve_of_noise_is_flat_however_many_cells_there_are() -> None:
    """A cell that other answers had helped to choose would read more than one half, most so for few answers."""
    means, shown, settings = [], LEGACY_POSITIONS[:6], GridSettings(n_permutations=0, cs=(1e-2, 1.0))
    for seed in range(4):
        random = np.random.default_rng(seed)
        labels = make_labels(random.random(260) < 0.5)
        states = torch.from_numpy(random.normal(size=(2, 15, 260, 12)).astype(np.float32))
        source = MemoryStates(labels.ids, states, np.ones((15, 260), bool), shown)
        curve = fit_curve(source, labels, [Site.RESIDUAL], settings)
        means.append([np.mean([p.auc for p in curve if p.size == size]) for size in sorted({p.size for p in curve})])
    assert np.mean(means, axis=0) == pytest.approx(np.full(len(means[0]), 0.5), abs=0.04)


def two_cells(second: float) -> tuple[MemoryStates, LabelledAnswers]:
    """Return states of which two cells tell, each in its own way."""
    source, labels = planted(n=500)
    states = source.states.clone()
    random = np.random.default_rng(11)
    right = torch.from_numpy(labels.y.astype(np.float32))
    for position, strength in ((4, 1.2), (6, second)):
        states[1, position, :, 0] = torch.from_numpy(random.standard_normal(500).astype(np.float32)) + strength * right
    return replace(source, states=states), labels


def test_two_cells_that_tell_different_things_beat_one() -> None:
    source, labels = two_cells(1.2)
    fit = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT]
    choice = choose_cells(fit.grid, fit.out_of_fold, labels, PLANTED, SETTINGS)
    assert choice.beats_single
    assert choice.cells[0] == PLANTED
    assert Cell(Site.RESIDUAL, 1, LEGACY_POSITIONS[6]) in choice.cells
    assert choice.gain.low > 0


def test_cells_that_add_nothing_gain_nothing_where_they_are_chosen() -> None:
    """Fourteen candidates of noise: the AUC that they are chosen by rises with each draw; the nested one does not."""
    gains, settings = [], GridSettings(n_permutations=0, cs=(1e-2, 1.0))
    for seed in range(5):
        random = np.random.default_rng(seed)
        labels = make_labels(random.random(220) < 0.5, test_share=0.0)
        scores = random.normal(size=(1, 15, 220)).astype(np.float32)
        scores[0, 4] += 1.5 * labels.y
        auc = auc_values(round_scores(scores[0].astype(float)), labels.y)[None]
        n = np.full((1, 15), 220)
        grid = Grid(Site.RESIDUAL, LEGACY_POSITIONS, auc, auc, auc, n, n // 2, np.ones((1, 15)), n > 0, auc)
        out_of_fold = GridScores(Site.RESIDUAL, LEGACY_POSITIONS, labels.ids, scores)
        choice = choose_cells(grid, out_of_fold, labels, Cell(Site.RESIDUAL, 0, LEGACY_POSITIONS[4]), settings)
        gains.append(choice.gain.value)
    assert np.mean(gains) < 0.002


def test_a_second_cell_of_noise_does_not_beat_one() -> None:
    source, labels = two_cells(0.0)
    fit = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT]
    choice = choose_cells(fit.grid, fit.out_of_fold, labels, PLANTED, SETTINGS)
    assert not choice.beats_single
    assert choice.cells[0] == PLANTED


def test_a_detector_of_several_cells_scores_new_answers_and_fills_gaps() -> None:
    source, labels = two_cells(1.2)
    fit = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT]
    choice = choose_cells(fit.grid, fit.out_of_fold, labels, PLANTED, SETTINGS)
    several = fit_stack(source, labels, (fit.grid, fit.out_of_fold), choice)
    unseen = labels.of(test=True)
    read = source.read_layer(Site.RESIDUAL, 1, unseen.ids)
    zero = source.read_layer(Site.RESIDUAL, 0, unseen.ids)
    states = {
        c: (read if c.layer else zero).states[LEGACY_POSITIONS.index(c.position)].double().numpy() for c in choice.cells
    }
    single = fit_probe(
        source.read_layer(Site.RESIDUAL, 1, labels.of(test=False).ids).states[4], labels.of(test=False).y, 0.1
    )
    together = auc_values(round_scores(several.score(states)[None]), unseen.y)[0]
    alone = auc_values(round_scores(single.score(states[PLANTED])[None]), unseen.y)[0]
    assert together > alone
    gap = {c: np.full_like(s, np.nan) if c != PLANTED else s for c, s in states.items()}
    assert np.isfinite(several.score(gap)).all()


def test_the_papers_probe_is_scikit_learns_default_on_raw_states() -> None:
    sample = make_sample(120, 10, signal=2.0)
    with ignore_convergence_warnings():
        probe = fit_paper_protocol(sample.states, sample.y)
    raw = sample.states.double().numpy()
    with pytest.warns(UserWarning, match="failed to converge") if not probe.converged else _nothing():
        model = LogisticRegression(max_iter=100).fit(raw, sample.y)
    np.testing.assert_allclose(probe.score(raw), model.decision_function(raw), rtol=1e-6)


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_the_paper_scores_a_fifth_and_learns_from_the_rest() -> None:
    source, labels = planted(n=300)
    settings = GridSettings(protocol="paper", n_permutations=0)
    fit = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT]
    seen = labels.of(test=False)
    fifth = held_out(seen, 0)
    assert 0.1 < fifth.mean() < 0.3
    assert (np.isfinite(fit.out_of_fold.of(PLANTED)) == fifth).all()
    assert fit.grid.c[AT] == 1.0
    assert fit.grid.auc[AT] > 0.85
    assert fit.grid.n[AT] == len(seen.ids)
    test = score_on_test(source, labels, fit.grid, PLANTED, settings)
    assert (test.probe.scale == 1).all()


def test_probes_that_stop_early_are_recorded_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    source, labels = planted(n=300, d=24)
    far = replace(source, states=source.states * torch.logspace(-2, 4, 24))
    monkeypatch.setattr("truthmap.probes.threads.torch.get_num_threads", lambda: 4)
    kept = list(warnings.filters)
    settings = GridSettings(protocol="paper", n_permutations=0)
    # A warning would be an error here.
    grid = fit_grids(far, labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT].grid
    assert not grid.converged[np.isfinite(grid.auc)].all()
    assert not score_on_test(far, labels, grid, PLANTED, settings).probe.converged
    assert warnings.filters == kept


def test_a_test_part_of_one_outcome_has_no_score() -> None:
    source, labels = planted()
    test = np.array([split.value == "test" for split in labels.split])
    grid = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT].grid
    with pytest.raises(NotEnoughDataError, match="an AUC needs both; ask more questions"):
        score_on_test(source, replace(labels, y=labels.y | test), grid, PLANTED, SETTINGS)
