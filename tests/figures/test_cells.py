"""A cell is painted where a map's reader looks for it, in the colour of its value, and in any kind of file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from truthmap.figures.canvas import figure_of, new_axes, save_figure
from truthmap.figures.cells import Scale, paint_cells

VALUES = np.array([[0.0, 0.25, 0.5], [0.75, np.nan, 1.0]])


def test_row_zero_is_on_top_and_each_cell_surrounds_its_own_point() -> None:
    axes = new_axes(4, 3)
    cells = paint_cells(axes, VALUES, "Blues", Scale("", 0, 1))
    drawn = BytesIO()
    figure_of(axes).savefig(drawn, format="png", dpi=100)
    with Image.open(drawn) as image:
        pixels = np.asarray(image)[..., :3]
    for row, column in np.ndindex(*VALUES.shape):
        for down, across in ((0, 0), (-0.48, -0.48), (0.48, 0.48)):
            x, y = axes.transData.transform((column + across, row + down))
            value = VALUES[row, column]
            wanted = (217, 217, 217) if np.isnan(value) else np.round(np.array(cells.to_rgba(value)[:3]) * 255)
            assert np.abs(pixels[len(pixels) - 1 - int(y), int(x)].astype(int) - wanted).max() <= 1


@pytest.mark.parametrize(("ending", "picture"), [("svg", b"<image"), ("pdf", b"/Subtype /Image")])
def test_in_a_vector_file_touching_cells_are_one_picture(tmp_path: Path, ending: str, picture: bytes) -> None:
    axes = new_axes()
    paint_cells(axes, np.full((20, 20), 0.5), "Blues", Scale("", 0, 1))
    path = tmp_path / f"map.{ending}"
    save_figure(figure_of(axes), path)
    assert path.read_bytes().count(picture) == 1
