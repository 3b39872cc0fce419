"""Figures take saved numbers and axes, give the axes back, and can be told apart without colour."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import truthmap
from truthmap.errors import UsageError
from truthmap.figures.canvas import FigureStyle, draw_and_save, figure_of
from truthmap.figures.curves import draw_calibration, draw_histogram, draw_roc
from truthmap.figures.heatmap import draw_correlations, draw_gain, draw_heatmap, draw_significance, draw_within
from truthmap.metrics.curves import CellDetails
from truthmap.positions import PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHAPE = (6, len(PAPER))
Draw = Callable[["Axes | None"], "Axes"]


def cell() -> CellDetails:
    draw = np.random.default_rng(0)
    y = draw.random(200) < 0.5
    return CellDetails(tuple(map(str, range(200))), draw.normal(size=200) + y, y)


AUC = np.random.default_rng(0).uniform(0.4, 1, SHAPE)
P_VALUE = np.random.default_rng(1).uniform(0.001, 1, SHAPE)
DRAWN: dict[str, Draw] = {
    "map": lambda axes: draw_heatmap(AUC, axes),
    "significance": lambda axes: draw_significance(P_VALUE, axes),
    "gain": lambda axes: draw_gain(AUC, np.full(SHAPE, 0.6), axes),
    "within": lambda axes: draw_within(AUC, axes),
    "roc": lambda axes: draw_roc(cell().roc(), axes, label="a cell"),
    "histogram": lambda axes: draw_histogram(cell().histogram(), axes),
    "calibration": lambda axes: draw_calibration(cell().calibration(), axes),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_a_figure_draws_on_the_axes_it_is_given_or_on_its_own(kind: str) -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    assert DRAWN[kind](axes) is axes
    own = DRAWN[kind](None)
    assert figure_of(own) is not figure
    assert own.get_xlabel()
    assert own.get_ylabel()


def colours(axes: Axes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    image = axes.collections[0]
    return np.asarray(image.to_rgba(image.get_array()))


@pytest.mark.parametrize("kind", ["map", "within"])
def test_higher_values_are_darker_also_in_grey(kind: str) -> None:
    grey = colours(DRAWN[kind](None))[..., :3] @ [0.299, 0.587, 0.114]
    order = np.argsort(np.clip(AUC, 0.5, 1).ravel(), kind="stable")
    assert (np.diff(grey.ravel()[order]) <= 1e-9).all()


def test_stronger_evidence_is_darker_and_ticks_are_p_values() -> None:
    axes = draw_significance(P_VALUE)
    values = axes.collections[0].get_array()
    assert values is not None
    np.testing.assert_allclose(values, -np.log10(P_VALUE))
    ticks = figure_of(axes).axes[-1].get_yticklabels()
    assert [tick.get_text() for tick in ticks][:3] == ["1", "0.1", "0.05"]


def test_cells_that_gain_nothing_are_marked() -> None:
    axes = draw_gain(AUC, np.full(SHAPE, 0.6))
    (marks,) = axes.lines
    marked = set(zip(*(np.asarray(data).tolist() for data in (marks.get_ydata(), marks.get_xdata())), strict=True))
    assert marked == {(layer, column) for layer, column in np.argwhere(AUC <= 0.6).tolist()}


@pytest.mark.parametrize("values", [np.full(SHAPE, np.nan), np.full(SHAPE, 0.5)])
def test_maps_without_any_number_are_drawn_all_the_same(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    for axes in (draw_significance(values), draw_gain(values, values), draw_within(values)):
        figure_of(axes).canvas.draw()


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_file(tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    for path in (first, second):
        draw_and_save(lambda: DRAWN["roc"](None), path, FigureStyle(dpi=60))
    assert first.read_bytes() == second.read_bytes()


def test_a_figure_has_exactly_the_size_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    draw_and_save(lambda: DRAWN["map"](None), path, FigureStyle(width=3.3, height=4, font_size=6, dpi=100))
    with Image.open(path) as image:
        assert image.size == (330, 400)


def test_font_and_letter_size_reach_the_figure(tmp_path: Path) -> None:
    drawn: list[Axes] = []

    def draw() -> Axes:
        drawn.append(DRAWN["roc"](None))
        return drawn[-1]

    draw_and_save(draw, tmp_path / "roc.svg", FigureStyle(font="DejaVu Serif", font_size=7))
    label = drawn[0].xaxis.label
    assert label.get_fontfamily() == ["DejaVu Serif"]
    assert label.get_fontsize() == 7


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 0.1}, r"width must be 0.5 to 60 inches, got 0.1"),
        ({"height": 1e6}, r"height must be"),
        ({"font_size": 0}, r"font_size must be 2 to 72 points, got 0"),
        ({"dpi": 10**6}, r"dpi must be"),
    ],
)
def test_a_style_that_cannot_be_set_is_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        FigureStyle(**settings)  # type: ignore[arg-type]


def test_another_ending_or_font_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected one of .pdf, .png, .svg"):
        draw_and_save(lambda: DRAWN["roc"](None), tmp_path / "roc.bmp", FigureStyle())
    with pytest.raises(UsageError, match="no font 'No Such Font' is installed"):
        draw_and_save(lambda: DRAWN["roc"](None), tmp_path / "roc.png", FigureStyle(font="No Such Font"))
    assert list(tmp_path.iterdir()) == []


def test_there_is_one_canvas() -> None:
    """Figures are set up in one place: never through pyplot, and never by hand beside it."""
    package = Path(truthmap.__path__[0])
    users = {path.name for path in package.rglob("*.py") if re.search(r"FigureCanvasAgg|pyplot", code_of(path))}
    assert users == {"canvas.py"}


def code_of(path: Path) -> str:
    """Return a module's code without its docstring."""
    return path.read_text(encoding="utf-8").split("from __future__", 1)[-1]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_heatmap(AUC, best=(2, 5)),
        lambda: draw_correlations(AUC, title="year", best=(2, 5)),
    ],
)
def test_the_best_cell_has_a_star_and_a_line_that_says_so(draw: Callable[[], Axes]) -> None:
    axes = draw()
    assert [tuple(line.get_xydata()[0]) for line in axes.lines] == [(5, 2)]
    legend = axes.get_legend()
    assert legend is not None
    assert f"best cell, {AUC[2, 5]:.2f} cross-validated" in [text.get_text() for text in legend.get_texts()]
