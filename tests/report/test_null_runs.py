"""A run in which nothing can be found reads like one: over many coin-toss runs hardly a sentence claims anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tests.probes.conftest import MemoryStates, make_labels

from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.probes.fit_grid import RIGHT, fit_grids
from truthmap.probes.grid import best_cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.rivals import Contest
from truthmap.probes.test_part import score_on_test
from truthmap.records import Site
from truthmap.report.narrative import Findings, Sentence, sentences

RUNS = 40
POSITIONS = tuple(map(Position.of, ("last_q", "exact_answer_last", "-1")))
SETTINGS = GridSettings(cs=(1e-2, 1.0), n_permutations=19)


@dataclass(frozen=True)
class Toss:
    """Random states and outcomes; `signal` is how far right answers lie from wrong ones in one cell."""

    seed: int
    signal: float = 0.0
    n: int = 160

    def findings(self) -> Findings:
        random = np.random.default_rng([7, self.seed])
        labels = make_labels(random.random(self.n) < 0.5)
        states = random.standard_normal((2, len(LEGACY_POSITIONS), self.n, 4)).astype(np.float32)
        states[1, LEGACY_POSITIONS.index(POSITIONS[1]), :, 0] += self.signal * labels.y
        present = np.ones((len(LEGACY_POSITIONS), self.n), bool)
        source = MemoryStates(labels.ids, torch.from_numpy(states), present, POSITIONS)
        fit = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, SETTINGS)[RIGHT]
        grid, cell = fit.grid, best_cell(fit.grid)
        test = score_on_test(source, labels, grid, cell, SETTINGS)
        contest = Contest(labels, test, tuple(fit.out_of_fold.at(cell)))
        rivals = [dict(zip(labels.ids, random.standard_normal(self.n).tolist(), strict=True)) for _ in range(2)]
        before = grid.cell(int(np.argmax(grid.auc[:, 0])), 0)
        at_prompt = score_on_test(source, labels, grid, before, SETTINGS).scores
        read = contest.rival("prompt", fit.out_of_fold.at(before), at_prompt)
        return Findings(
            site=Site.RESIDUAL,
            layer=cell.layer,
            position=cell.position,
            validation=grid.estimate(cell),
            test=test.auc,
            positions=POSITIONS,
            auc=grid.auc,
            low=grid.low,
            high=grid.high,
            n=grid.n,
            p_value=grid.p_value,
            text_baseline=contest.rival("text", rivals[0], rivals[0]),
            free_score=contest.rival("free", rivals[1], rivals[1]),
            before_answering=read and read.model_copy(update={"cell": (before.layer, before.position)}),
        )


@pytest.fixture(scope="module")
def coin_tosses() -> list[tuple[Sentence, ...]]:
    """What is said of many runs of random states and random outcomes."""
    return [sentences(Toss(seed).findings()) for seed in range(RUNS)]


def test_hardly_a_coin_toss_run_names_a_place(coin_tosses: list[tuple[Sentence, ...]]) -> None:
    named = [said for said in coin_tosses if said[0].claims]
    assert len(named) <= 1  # 40 runs, of which 1 in 20 passes the shuffles and of those 1 in 40 the test part


def test_few_coin_toss_runs_claim_anything(coin_tosses: list[tuple[Sentence, ...]]) -> None:
    claiming = [said for said in coin_tosses if any(sentence.claims for sentence in said)]
    # At most 1 in 20 beats the shuffles, and 1 in 20 meets a rival that is better than chance by luck:
    # more than 9 of 40 would come about once in a hundred times.
    assert len(claiming) <= 9


def test_no_word_of_a_run_without_a_finding_says_that_there_is_one(coin_tosses: list[tuple[Sentence, ...]]) -> None:
    silent = " ".join(s.text for said in coin_tosses if not said[0].claims for s in said if not s.claims)
    assert "This run does not show" in silent
    for word in ("knows", "is read best", "can be read before", "reads more", "hold more", "tell more than"):
        assert word not in silent


def test_a_run_with_a_finding_says_so() -> None:
    said = [sentences(Toss(seed, signal=2.0).findings()) for seed in range(5)]
    assert all(each[0].claims for each in said)
