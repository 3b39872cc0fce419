"""The columns of a map: boxes around groups, and names that can be read however many columns there are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from truthmap.figures.canvas import figure_of
from truthmap.figures.heatmap import draw_heatmap, label_columns, new_map_axes
from truthmap.positions import PAPER, Group, Position, chosen_positions, runs_of

MANY = chosen_positions(
    ["last_q", "answer[0]", *(f"thought[{k}]" for k in range(400)), "final[0]", "final[1]",
     *(f"exact[{k}]" for k in range(6)), *(f"answer[-{k}]" for k in range(90, 0, -1))]
)  # fmt: skip


def drawn(positions: tuple[Position, ...], layers: int = 3) -> Axes:
    auc = np.linspace(0.4, 1, layers * len(positions)).reshape(layers, -1)
    return draw_heatmap(auc, not_significant=auc < 0.7, best=(0, 0), positions=positions)


def boxes(axes: Axes) -> dict[str, tuple[float, float]]:
    """The boxes around groups by their colour: first and last column."""
    around = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_linewidth() == 2]
    return {to_hex(p.get_edgecolor()): (p.get_x() + 0.5, p.get_x() + p.get_width() - 0.5) for p in around}


def test_the_papers_figure_has_one_black_box() -> None:
    assert boxes(drawn(PAPER)) == {"#000000": (3, 6)}


def test_each_named_group_has_a_box_of_its_own() -> None:
    axes = drawn(chosen_positions(["thought"]))
    found = boxes(axes)
    assert sorted(found.values()) == [(1, 5), (6, 7), (8, 11)]
    assert found["#000000"] == (8, 11)
    legend = axes.get_legend()
    assert legend is not None
    told = [text.get_text() for text in legend.get_texts()]
    assert told[:3] == ["tokens of the thought", "tokens of the final part", "tokens of the exact answer"]


def test_a_group_that_is_torn_apart_has_a_box_for_each_part() -> None:
    apart = chosen_positions(["exact[0]", "thought[0]", "exact[-1]"])
    assert [(group, start) for group, start, _ in runs_of(apart)] == [
        (Group.EXACT, 0), (Group.THOUGHT, 1), (Group.EXACT, 2),
    ]  # fmt: skip
    around = [p for p in drawn(apart).patches if isinstance(p, Rectangle) and p.get_linewidth() == 2]
    assert [p.get_width() for p in around] == [1, 1, 1]


@pytest.mark.parametrize("n", [49, 100, 500])
def test_names_of_many_columns_do_not_run_into_each_other(n: int) -> None:
    positions = MANY[-n:]
    axes = drawn(positions)
    figure = figure_of(axes)
    assert figure.get_figwidth() <= 24
    ticks = sorted(axes.get_xticks())
    figure.canvas.draw()
    places = [axes.transData.transform((tick, 0))[0] / figure.dpi for tick in ticks]
    assert min(b - a for a, b in pairwise(places)) > 0.15  # inches: a line of slanting text
    named = {label.get_text() for label in axes.get_xticklabels()}
    wide = {str(positions[start]) for _, start, end in runs_of(positions) if end - start > 40}
    assert wide <= named


def test_many_columns_have_their_groups_in_bands() -> None:
    assert {text.get_text() for text in drawn(MANY).texts} == {"thought", "end"}
    assert not drawn(PAPER).texts


def test_every_column_is_named_where_there_is_room() -> None:
    axes = new_map_axes(2, len(PAPER))
    label_columns(axes, PAPER)
    assert [label.get_text() for label in axes.get_xticklabels()] == [p.name for p in PAPER]


def test_hatched_stretches_cover_just_the_cells_that_are_not_significant() -> None:
    hatched = np.random.default_rng(0).random((4, len(PAPER))) < 0.5
    axes = draw_heatmap(np.full(hatched.shape, 0.7), not_significant=hatched)
    covered = np.zeros_like(hatched)
    for patch in axes.patches:
        if isinstance(patch, Rectangle) and patch.get_hatch():
            start, layer = round(patch.get_x() + 0.5), round(patch.get_y() + 0.5)
            covered[layer, start : start + round(patch.get_width())] = True
    assert covered.tolist() == hatched.tolist()
