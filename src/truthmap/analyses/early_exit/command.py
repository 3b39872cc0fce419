"""`truthmap early-exit`: what ending thoughts early would save and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.records import Site
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.analyses.early_exit.measure import EarlyExit, ExitPoint

_HEADS = ("rule", "ended", "tokens saved [95 %]", "right [95 %]", "less than whole thoughts")


@replies("truthmap.analyses.early_exit.measure:EarlyExit")
def early_exit(
    run: RunArgument,
    site: Annotated[Site | None, typer.Option(help="Read this site", show_default="the best cell's")] = None,
    at_most: Annotated[
        float,
        typer.Option(help="Bound of both guarantees: wrong among ended thoughts, given up among those that come right"),
    ] = 0.10,
    confidence: Annotated[float, typer.Option(help="How sure each guarantee is")] = 0.95,
) -> Reply:
    """Measure what ending thoughts early would save and cost, by what a probe reads along them.

    The run's map must have places of the thought: `truthmap run --positions along_thought`.
    """
    from truthmap.analyses.early_exit.run import early_exit_curve

    result = early_exit_curve(open_run(run), site=site, limit=at_most, confidence=confidence)
    last = f"Table and figure: {path_in_run(run, ANALYSES)}/early_exit*"
    return Reply(result, lambda: print_findings(summarize(result), [last]))


def summarize(result: EarlyExit) -> tuple[SummaryTable, ...]:
    """Return both ways to end thoughts, point by point, and what can be guaranteed."""
    facts = (
        ("test answers that think", f"{result.n} ({result.tokens:,} tokens of thought)"),
        ("right, with whole thoughts", str(result.whole)),
    )
    title = f"{result.model} on {result.questions}: ending thoughts early"
    return (
        SummaryTable(title, ("", ""), facts),
        SummaryTable("Where the probe reads P(right) of at least", _HEADS, tuple(map(_row, result.by_probe))),
        SummaryTable("At a share of each thought, whatever the probe reads", _HEADS, tuple(map(_row, result.by_share))),
        SummaryTable("Under a guarantee", ("", ""), tuple(_guaranteed(result))),
    )


def _guaranteed(result: EarlyExit) -> list[tuple[str, str]]:
    rows = [("ending", result.ending.sentence)]
    if result.ended is not None:
        ended = result.ended
        rows.append(("", f"saves {ended.saved.short} of the tokens, right {ended.accuracy.short}"))
    rows.append((f"giving up at {result.give_up_at:.0%}", result.giving_up.sentence))
    if result.gave_up is not None:
        given = result.gave_up
        rows.append(("", f"gives up {given.given_up.short} of the thoughts, {given.wrong.short} of them wrong"))
        rows.append(("", f"saves {given.saved.short} of the tokens; of the others {given.accuracy.short} are right"))
    return rows


def _row(point: ExitPoint) -> tuple[str, ...]:
    return (
        f"{point.rule:.0%}",
        f"{point.ended:.0%}",
        point.saved.short,
        point.accuracy.short,
        point.lost.short_signed,
    )


ANALYSIS = Analysis(
    "early_exit",
    early_exit,
    SavedResult(
        "Ending thoughts early",
        "truthmap.analyses.early_exit.measure:EarlyExit",
        summarize,
        (
            FigureKind(
                "early-exit", "Accuracy against tokens saved", "truthmap.analyses.early_exit.figure:draw_early_exit"
            ),
        ),
    ),
)
