"""`truthmap export`: a cell of a run as arrays, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from truthmap.cli.replies import ExportedCell
from truthmap.errors import UsageError
from truthmap.positions import POSITIONS
from truthmap.records import Site
from truthmap.runs.exports.registry import EXPORTS
from truthmap.runs.run import open_run
from truthmap.terminal.completion import of_names
from truthmap.terminal.options import RunArgument, local
from truthmap.terminal.output import print_lines, printable
from truthmap.terminal.reply import Reply, replies

_FORMATS = "; ".join(f"{each.name}: {each.holds}" for each in EXPORTS.values())


@replies("truthmap.cli.replies:ExportedCell")
def export(
    run: RunArgument,
    to: Annotated[str, typer.Option(help=_FORMATS, show_default=False, autocompletion=of_names(EXPORTS))],
    out: Annotated[
        Path | None, typer.Option(help="Where to write it", show_default="RUN-LAYER-POSITION here", callback=local)
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="What was read", show_default="the best cell's", autocompletion=of_names(map(str, Site))),
    ] = None,
    layer: Annotated[int | None, typer.Option(help="The cell's layer", show_default="the best cell's")] = None,
    position: Annotated[
        str | None,
        typer.Option(
            help="The cell's position", show_default="the best cell's", autocompletion=of_names(map(str, POSITIONS))
        ),
    ] = None,
) -> Reply:
    """Write the hidden states of one cell, with labels, scores and the probe's direction, for other tools."""
    if to not in EXPORTS:
        raise UsageError(f"there is no format {to!r}; expected one of {', '.join(EXPORTS)}")
    from truthmap.runs.cells import chosen_cell
    from truthmap.runs.data import RunData
    from truthmap.runs.exports.cell_export import CellExport

    opened, form = open_run(run), EXPORTS[to]
    data = RunData.load(opened)
    cell = chosen_cell(data, layer, position, site)
    path = out or Path(f"{opened.name}-{cell.layer}-{cell.position}{form.ending}")
    written = form.load()(path, CellExport(data, cell))
    lines = [f"{path}: layer {cell.layer}, {cell.position} ({cell.site})", *(f"  {printable(w)}" for w in written)]
    found = ExportedCell(
        written=str(path),
        format=to,
        site=cell.site,
        layer=cell.layer,
        position=cell.position,
        holds=tuple(written),
    )
    return Reply(found, lambda: print_lines(lines))
