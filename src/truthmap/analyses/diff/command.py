"""`truthmap diff`: two maps of the same shape, their difference and its significance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from truthmap.errors import UsageError
from truthmap.records import Site
from truthmap.runs.run import Run, open_run
from truthmap.terminal.options import FINISHED, local, path_in_run
from truthmap.terminal.output import print_lines, print_table


def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help=FINISHED, show_default=False)],
    second: Annotated[str, typer.Argument(metavar="SECOND", help=FINISHED, show_default=False)],
    site: Annotated[str | None, typer.Option(help="Which map of the first run", show_default="its best cell's")] = None,
    second_site: Annotated[
        str | None, typer.Option(help="Which map of the second run", show_default="as --site")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for table and figure", show_default="analyses/ of the second run", callback=local),
    ] = None,
) -> None:
    """Subtract the first run's map from the second's: two models, two prompts, two sites, before and after training."""
    one, other = open_run(first), open_run(second)
    from truthmap.analyses.diff.run import diff_runs
    from truthmap.report.told import tell_difference

    sites = _site(site, one), _site(second_site or site, other)
    result = diff_runs(one, other, out or other.folder / "analyses", sites=sites)
    print_table(f"{result.second.name} minus {result.first.name}", *tell_difference(result))
    print_lines([f"Table and figure: {out or path_in_run(second, 'analyses')}/diff.*"])


def _site(name: str | None, run: Run) -> Site:
    if name is None:
        return run.summary.site
    if name not in {str(each) for each in Site}:
        raise UsageError(f"a site must be one of {', '.join(map(str, Site))}, got {name!r}")
    return Site(name)
