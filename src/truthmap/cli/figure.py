"""`truthmap figure`: a figure of a run for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from truthmap.cli.replies import WrittenFile
from truthmap.errors import UsageError
from truthmap.positions import POSITIONS, Position
from truthmap.records import Site
from truthmap.report.figure_kinds import FIGURES
from truthmap.runs.run import open_run
from truthmap.terminal.completion import of_names
from truthmap.terminal.options import RunArgument, local
from truthmap.terminal.output import print_lines
from truthmap.terminal.reply import Reply, replies

_KINDS = f"One of {', '.join(FIGURES)}"


@replies("truthmap.cli.replies:WrittenFile")
def figure(
    run: RunArgument,
    kind: Annotated[str, typer.Argument(help=_KINDS, show_default=False, autocompletion=of_names(FIGURES))],
    out: Annotated[Path, typer.Option(help="Where to save it: .png, .svg or .pdf", show_default=False, callback=local)],
    title: Annotated[
        str | None, typer.Option(help="Stands above it; '' for nothing", show_default="what it is")
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="What was read", show_default="the best cell's", autocompletion=of_names(map(str, Site))),
    ] = None,
    layer: Annotated[int | None, typer.Option(help="A cell's layer", show_default="the best cell's")] = None,
    position: Annotated[
        str | None,
        typer.Option(
            help="A cell's position", show_default="the best cell's", autocompletion=of_names(map(str, POSITIONS))
        ),
    ] = None,
    width: Annotated[float | None, typer.Option(help="Width in inches", show_default="what suits it")] = None,
    height: Annotated[float | None, typer.Option(help="Height in inches", show_default="what suits it")] = None,
    font: Annotated[str | None, typer.Option(help="Font family", show_default="DejaVu Sans")] = None,
    font_size: Annotated[float, typer.Option(help="Size of the letters in points")] = 10.0,
    dpi: Annotated[int, typer.Option(help="Dots per inch of a PNG")] = 300,
) -> Reply:
    """Draw one figure of a finished run from its saved numbers, in publication quality."""
    from truthmap.figures.canvas import FigureStyle, draw_and_save
    from truthmap.report.figures import FigureChoice, draw_figure

    opened = open_run(run)
    choice = FigureChoice(_site(site), layer, None if position is None else Position.of(position), title)
    style = FigureStyle(width, height, font, font_size, dpi)
    draw_and_save(lambda: draw_figure(opened, kind, choice), out, style)
    return Reply(WrittenFile.at(out, out), lambda: print_lines([str(out)]))


def _site(name: str | None) -> Site | None:
    try:
        return None if name is None else Site(name)
    except ValueError as error:
        raise UsageError(f"there is no site {name!r}; there are {', '.join(Site)}") from error
