"""The map as a figure: layers down, token positions across, colour is the AUC of the probe in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from truthmap.arrays import Bools, Floats
from truthmap.files import AnyPath, atomic_write
from truthmap.positions import PAPER, Group, Position, columns_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


_CHANCE, _PERFECT = 0.5, 1.0


@dataclass(frozen=True)
class Scale:
    """What colour means: from light at `lowest` to dark at `highest`; what lies outside has the end's colour."""

    label: str
    lowest: float
    highest: float


def draw_heatmap(
    auc: Floats,
    axes: Axes | None = None,
    *,
    title: str | None = None,
    not_significant: Bools | None = None,
    positions: Sequence[Position] = PAPER,
) -> Axes:
    """Draw the map of a grid.

    Args:
        auc: float (L, P), the AUC of each cell; NaN (no probe could be fitted) is drawn grey.
        axes: Where to draw; by default a new figure is made.
        title: A line above the map.
        not_significant: bool (L, P); these cells are hatched.
        positions: What the columns are, P of them.

    Returns:
        The axes drawn on; its `figure` also holds the colour bar.
    """
    from matplotlib.patches import Rectangle

    axes = draw_cells(auc, Scale("AUC", _CHANCE, _PERFECT), axes, title=title, positions=positions)
    if not_significant is not None:
        for layer, column in np.argwhere(not_significant):
            axes.add_patch(
                Rectangle((column - 0.5, layer - 0.5), 1, 1, fill=False, hatch="////", edgecolor="0.6", linewidth=0)
            )
    return axes


def draw_cells(
    values: Floats,
    scale: Scale,
    axes: Axes | None = None,
    *,
    title: str | None = None,
    positions: Sequence[Position] = PAPER,
) -> Axes:
    """Draw a value in every cell, as a map: values float (L, P); NaN is drawn grey.

    Returns:
        The axes drawn on; its `figure` also holds the colour bar, as its last axes.
    """
    n_layers, n_positions = values.shape
    axes = _new_axes(n_layers, n_positions) if axes is None else axes
    axes.set_facecolor("0.85")
    shown = np.ma.masked_invalid(values)
    image = axes.imshow(shown, cmap=_blues(), vmin=scale.lowest, vmax=scale.highest, aspect="auto")
    bar = figure_of(axes).colorbar(image, ax=axes, pad=0.02)
    bar.set_label(scale.label)
    axes.set_xticks(range(n_positions), [str(position) for position in positions], rotation=45, ha="right")
    axes.set_yticks(range(0, n_layers, 2))
    axes.set_xlabel("Token")
    axes.set_ylabel("Layer")
    if title:
        axes.set_title(title)
    _box_exact_answer(axes, n_layers, positions)
    return axes


def _box_exact_answer(axes: Axes, n_layers: int, positions: Sequence[Position]) -> None:
    from matplotlib.patches import Rectangle

    boxed = columns_in(positions, Group.EXACT)
    if not boxed:
        return
    corner, width = (boxed[0] - 0.5, -0.5), boxed[-1] - boxed[0] + 1
    axes.add_patch(
        Rectangle(corner, width, n_layers, fill=False, edgecolor="black", linewidth=2, clip_on=False, zorder=4)
    )


def _blues() -> Colormap:
    """Light blue to dark blue: chance is a colour of its own, not the white of the page."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("truthmap", colormaps["Blues"](np.linspace(0.12, 1.0, 256)))


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes are drawn on."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def save_figure(figure: Figure, path: AnyPath, *, dpi: int = 150, tight: bool = True) -> None:
    """Save a figure as its file name's ending says (png, svg, pdf): same figure, same bytes; whole or absent.

    Args:
        figure: What to save.
        path: Where to.
        dpi: Dots per inch of a png.
        tight: Cut empty edges off; otherwise the file has exactly the figure's size.

    Raises:
        StorageError: the file cannot be written.
    """
    import matplotlib as mpl

    kind = path.suffix.removeprefix(".").lower()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    # Type 42: text in a PDF stays text, as journals ask.
    with mpl.rc_context({"svg.hashsalt": "truthmap", "pdf.fonttype": 42}), atomic_write(path) as temp_path:
        figure.savefig(temp_path, format=kind, dpi=dpi, bbox_inches="tight" if tight else None, metadata=undated)


def small_axes() -> Axes:
    """Return axes on a new figure of a usual size, for a plot that is no map."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def _new_axes(n_layers: int, n_positions: int) -> Axes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not through pyplot: no window, no global state, nothing to close.
    figure = Figure(figsize=(2.2 + 0.45 * n_positions, 2.0 + max(2.0, 0.22 * n_layers)), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()
