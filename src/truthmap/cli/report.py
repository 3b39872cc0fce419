"""`truthmap report`: everything a run found, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from truthmap.cli.replies import WrittenFile
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, local, path_in_run
from truthmap.terminal.output import print_lines
from truthmap.terminal.reply import Reply, replies


@replies("truthmap.cli.replies:WrittenFile")
def report(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the page", show_default="RUN/report.html", callback=local)
    ] = None,
) -> Reply:
    """Write the report of a finished run: one page with the map, what it means and every analysis the run has.

    The page is one file that needs no network. `truthmap run` writes it at its end; write it again after analyses.
    """
    from truthmap.report.build import write_report

    path = write_report(open_run(run), out)
    page = WrittenFile.at(out or path_in_run(run, path.name), path)
    return Reply(page, lambda: print_lines([f"{page.written} ({page.bytes / 1e6:.1f} MB)"]))
