"""Where figures are drawn and how they look on paper: new canvases, their style, and saving them.

Never through pyplot: no window, no global state, nothing to close.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont

from truthmap.errors import UsageError
from truthmap.files import AnyPath, atomic_write

ENDINGS = (".pdf", ".png", ".svg")
_SIZES = (0.5, 60.0)
_CHARACTERS_PER_INCH = 11.5  # of letters of 10 points


class InlineFigure(Figure):
    """A figure that a notebook shows, whether or not pyplot was loaded there."""

    def _repr_png_(self) -> bytes:
        drawn = BytesIO()
        self.savefig(drawn, format="png", dpi=72, bbox_inches="tight")
        return drawn.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size, in inches."""
    figure = InlineFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_axes(width: float = 5.4, height: float = 3.6) -> Axes:
    """Return axes on a new figure of this size, in inches; by default of a usual one for a plot that is no map."""
    return new_figure(width, height).add_subplot()


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes are drawn on."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def set_wrapped_title(axes: Axes, title: str) -> None:
    """Put a title above axes, broken into lines that are about as wide as the figure; its distance stays as it is."""
    size = float(axes.title.get_fontsize())
    per_line = max(20, int(figure_of(axes).get_figwidth() * _CHARACTERS_PER_INCH * 10 / size))
    lines = [broken for line in title.splitlines() for broken in textwrap.wrap(line, per_line)]
    axes.title.set_text("\n".join(lines))


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
    kind = path.suffix.removeprefix(".").lower()
    options: dict[str, dict[str, Any]] = {
        # Z_RLE packs flat colours a third faster, into a file a sixth larger.
        "png": {"pil_kwargs": {"compress_type": zlib.Z_RLE}},
        "svg": {"metadata": {"Date": None}},
        "pdf": {"metadata": {"CreationDate": None}},
    }
    # Type 42: text in a PDF stays text, as journals ask.
    with mpl.rc_context({"svg.hashsalt": "truthmap", "pdf.fonttype": 42}), atomic_write(path) as temp_path:
        figure.savefig(temp_path, format=kind, dpi=dpi, bbox_inches="tight" if tight else None, **options.get(kind, {}))


@dataclass(frozen=True)
class FigureStyle:
    """How a figure is set.

    Attributes:
        width, height: Size in inches; `None`: what suits the figure.
        font: A font family that matplotlib finds, or `None` for its default.
        font_size: Size of the letters in points.
        dpi: Dots per inch of a PNG.
    """

    width: float | None = None
    height: float | None = None
    font: str | None = None
    font_size: float = 10.0
    dpi: int = 300

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("height", self.height)):
            if value is not None and not _SIZES[0] <= value <= _SIZES[1]:
                raise UsageError(f"{name} must be {_SIZES[0]:g} to {_SIZES[1]:g} inches, got {value:g}")
        if not 2 <= self.font_size <= 72:
            raise UsageError(f"font_size must be 2 to 72 points, got {self.font_size:g}")
        if not 30 <= self.dpi <= 2400:
            raise UsageError(f"dpi must be 30 to 2400, got {self.dpi}")


def draw_and_save(draw: Callable[[], Axes], path: Path, style: FigureStyle) -> None:
    """Draw a figure in a style and save it as its file name's ending says.

    Args:
        draw: Draws on new axes and gives them.
        path: Where to save: .png, .svg or .pdf.
        style: How it looks.

    Raises:
        UsageError: another ending, or a font that is not installed.
        StorageError: the file cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path} has no ending that can be drawn: expected one of {', '.join(ENDINGS)}")
    family = _family(style.font) or mpl.rcParams["font.family"]
    with mpl.rc_context({"font.size": style.font_size, "font.family": family}):
        figure = figure_of(draw())
        width, height = figure.get_size_inches()
        figure.set_size_inches(style.width or width, style.height or height)
        # A size that was asked for is kept to the point: nothing is cut off around it.
        save_figure(figure, path, dpi=style.dpi, tight=style.width is None and style.height is None)


def _family(font: str | None) -> str | None:
    """Return the font family back if matplotlib finds it."""
    try:
        return font if font is None or findfont(font, fallback_to_default=False) else None
    except ValueError as error:
        raise UsageError(
            f"no font {font!r} is installed; install it or name one that is, such as 'DejaVu Serif'"
        ) from error
