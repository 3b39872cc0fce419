"""What the page carries stays small whatever the run's size, and says what the arrays say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from truthmap.positions import PAPER, Position
from truthmap.records import Outcome, Site, Span
from truthmap.report.maps import ShownAnswer, SiteMap, SiteScores, pack_maps

BEST = (Site.RESIDUAL, 0, Position.of("exact_answer_last"))


def made_map(layers: int, n: int = 40) -> SiteMap:
    draw = np.random.default_rng(0)
    shape = (layers, len(PAPER))
    auc = draw.uniform(0.4, 1, shape)
    y = np.arange(n) % 2 == 0
    scores = SiteScores(tuple(f"q{i}" for i in range(n)), draw.normal(size=(*shape, n)).astype(np.float32), y)
    return SiteMap(Site.RESIDUAL, PAPER, {"auc": auc, "n": np.full(shape, n), "converged": auc > 0.5}, scores)


def answers(n: int = 40, text: str = "It is Paris.") -> dict[str, ShownAnswer]:
    return {f"q{i}": ShownAnswer(f"Which {i}?", text, Span(6, 11), Outcome.RIGHT, "Paris", "") for i in range(n)}


def test_columns_are_packed_by_rows_and_missing_is_null() -> None:
    site_map = made_map(2)
    site_map.columns["auc"][1, 3] = np.nan
    packed = pack_maps([site_map], answers(), BEST)
    auc = packed["sites"][0]["columns"]["auc"]
    assert auc[len(PAPER) + 3] is None
    assert auc[4] == pytest.approx(site_map.columns["auc"][0, 4], rel=1e-5)
    assert packed["sites"][0]["columns"]["converged"][0] == bool(site_map.columns["converged"][0, 0])
    assert packed["best"] == {"site": "residual", "layer": 0, "column": PAPER.index(Position.of("exact_answer_last"))}
    json.dumps(packed, allow_nan=False)


def test_a_cell_refers_to_answers_that_are_kept_once() -> None:
    site_map = made_map(3)
    packed = pack_maps([site_map], answers(), BEST)
    assert site_map.scores is not None
    cell = site_map.scores.cell(1, 2)
    place, thousandths = packed["sites"][0]["cells"][len(PAPER) + 2]["examples"][2][0]
    asked = packed["answers"][place]["q"]
    worst = cell.examples().wrong_high[0]
    assert asked == f"Which {worst[1:]}?"
    assert thousandths == round(1000 * float(cell.probability[cell.ids.index(worst)]))
    assert len(packed["answers"]) <= 40
    assert packed["answers"][0]["a"] == ["It is ", "Paris", "."]


def test_a_cell_with_one_outcome_only_has_no_curves() -> None:
    site_map = made_map(1)
    assert site_map.scores is not None
    site_map.scores.log_odds[0, 0, ::2] = np.nan
    packed = pack_maps([site_map], answers(), BEST)
    assert packed["sites"][0]["cells"][0] is None
    assert packed["sites"][0]["cells"][1] is not None


def test_without_scores_there_are_columns_alone() -> None:
    site_map = made_map(1)
    packed = pack_maps([SiteMap(site_map.site, PAPER, site_map.columns)], answers(), BEST)
    assert packed["sites"][0]["cells"] is None
    assert packed["answers"] == []


def test_only_the_best_of_very_many_cells_have_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.report.maps._MOST_DETAILED", 20)
    site_map = made_map(4)
    cells = pack_maps([site_map], answers(), BEST)["sites"][0]["cells"]
    assert sum(cell is not None for cell in cells) == 20
    auc = site_map.columns["auc"].ravel()
    assert [cell is not None for cell in cells] == (auc >= np.sort(auc)[-20]).tolist()


def test_a_large_map_has_coarser_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = pack_maps([made_map(4)], answers(), BEST)
    monkeypatch.setattr("truthmap.report.maps._MANY_CELLS", 30)
    coarse = pack_maps([made_map(4)], answers(), BEST)
    assert len(json.dumps(coarse)) < 0.75 * len(json.dumps(fine))


def test_two_megabyte_answers_are_cut_to_fit_a_page() -> None:
    packed = pack_maps([made_map(2)], answers(text="is it Paris? " + "x" * 2_000_000), BEST)
    assert len(json.dumps(packed["answers"])) < 40_000


def test_texts_are_the_shorter_the_more_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.report.maps._TEXT_BUDGET", 8_000)
    packed = pack_maps([made_map(4)], answers(text="is it Paris? " + "x" * 1_000), BEST)
    assert len(packed["answers"]) == 40
    assert sum(len(a["q"] + "".join(a["a"]) + a["g"]) for a in packed["answers"]) <= 8_000
    assert all(a["a"][1] == "Paris" for a in packed["answers"])
