"""What stands above a map, and what is marked on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from made_run import make_run
from truthmap.figures.heatmap import draw_heatmap
from truthmap.pipeline.stages.figures import map_title
from truthmap.positions import PAPER
from truthmap.records import Site
from truthmap.report.figure_kinds import RUN_FIGURES
from truthmap.report.figures import FigureChoice, draw_figure
from truthmap.runs.run import Run

DETECTOR_FIGURES = ("risk-coverage", "reliability", "permutation-null", "learning-curve")
KINDS = [kind.name for kind in RUN_FIGURES if kind.name not in DETECTOR_FIGURES]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("drawn") / "run")


def test_a_map_says_whose_it_is_and_what_is_unusual_about_it(run: Run) -> None:
    usual = run.summary
    assert map_title(usual).splitlines() == [
        "made-model on made questions: where right and wrong answers can be told apart"
    ]
    other = usual.model_copy(update={"protocol": "paper", "site": Site.ATTENTION})
    assert map_title(other).splitlines()[1].startswith("the paper's protocol")
    assert map_title(other).endswith("\nsite: attention")


def test_a_map_explains_its_marks() -> None:
    auc = np.full((4, len(PAPER)), 0.7)
    auc[0, 0] = np.nan
    axes = draw_heatmap(auc, not_significant=auc < 0.8, best=(2, 5))
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said == [
        "tokens of the exact answer", "best cell, 0.70 cross-validated", "not significant (p > 0.05)",
        "too few answers",
    ]  # fmt: skip
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (5, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_says_what_it_shows(run: Run, kind: str) -> None:
    assert draw_figure(run, kind).get_title().startswith("made-model on made questions")
    assert draw_figure(run, kind, FigureChoice(title="")).get_title() == ""


def test_the_best_cell_is_marked_on_the_map_it_is_of(run: Run, tmp_path: Path) -> None:
    assert [line.get_marker() for line in draw_figure(run, "map").lines] == ["*"]
