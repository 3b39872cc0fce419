"""`truthmap diff`: two maps of the same shape, their difference and its significance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.errors import UsageError
from truthmap.records import Site
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run, open_run
from truthmap.terminal.options import FINISHED, local, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.analyses.diff.measure import MapDifference, MapSide


@replies("truthmap.analyses.diff.measure:MapDifference")
def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help=FINISHED, show_default=False)],
    second: Annotated[str, typer.Argument(metavar="SECOND", help=FINISHED, show_default=False)],
    site: Annotated[str | None, typer.Option(help="Which map of the first run", show_default="its best cell's")] = None,
    second_site: Annotated[
        str | None, typer.Option(help="Which map of the second run", show_default="as --site")
    ] = None,
    equal_n: Annotated[
        bool,
        typer.Option(
            "--equal-n/--all-answers",
            help="Fit the map with more answers anew on as many as the other has: more answers alone make a map higher",
        ),
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for table and figure", show_default="analyses/ of the second run", callback=local),
    ] = None,
) -> Reply:
    """Subtract the first run's map from the second's: two models, two prompts, two sites, before and after training."""
    one, other = open_run(first), open_run(second)
    from truthmap.analyses.diff.run import diff_runs

    sites = _site(site, one), _site(second_site or site, other)
    folder = out or other.folder / ANALYSES
    result = diff_runs(one, other, folder, sites=sites, equal_n=equal_n, progress=Bars())
    last = f"Table and figure: {out or path_in_run(second, ANALYSES)}/diff.*"
    return Reply(result, lambda: print_findings(summarize(result), [last]))


def _site(name: str | None, run: Run) -> Site:
    if name is None:
        return run.summary.site
    if name not in {str(each) for each in Site}:
        raise UsageError(f"a site must be one of {', '.join(map(str, Site))}, got {name!r}")
    return Site(name)


def summarize(result: MapDifference) -> tuple[SummaryTable, ...]:
    """Return how two maps differ, as facts."""
    from truthmap.analyses.diff.equal_n import needs_equal_n
    from truthmap.analyses.diff.measure import LEVEL

    clearest = f"layer {result.layer}, {result.position}: {result.largest.signed}, corrected p {result.largest_p:.3g}"
    numbers = (result.first.answers, result.second.answers)
    said = (
        f"one map learned from {min(numbers)} answers, the other from {max(numbers)}: more answers alone make a map "
        "higher (--equal-n compares as many)"
    )
    unequal = [("to keep in mind", said)] if needs_equal_n(*numbers) else []
    others = [("left out", f"{len(result.in_one_only)} positions that only one of the maps has")]
    unequal += others if result.in_one_only else []
    rows = (
        ("first", _side(result.first)),
        ("second", _side(result.second)),
        ("questions in both", str(result.both)),
        *unequal,
        ("mean difference", f"{result.mean.signed} over {result.cells} cells"),
        ("significantly higher", f"{result.higher} cells (p ≤ {LEVEL:g}, corrected for all cells)"),
        ("significantly lower", f"{result.lower} cells"),
        ("clearest difference", clearest + ("" if result.largest_p <= LEVEL else ": not significant")),
    )
    return (SummaryTable(f"{result.second.name} minus {result.first.name}", ("", ""), rows),)


def _side(side: MapSide) -> str:
    drawn = f" of {side.of}, drawn at random" if side.of is not None and side.of > side.answers else ""
    return f"{side.model} on {side.questions}, {side.site}: {side.answers} answers{drawn}, {side.right:.0%} right"


ANALYSIS = Analysis(
    "diff",
    diff,
    SavedResult(
        "Difference of two maps",
        "truthmap.analyses.diff.measure:MapDifference",
        summarize,
        (FigureKind("difference", "difference of two maps", "truthmap.analyses.diff.figure:draw_difference"),),
    ),
)
