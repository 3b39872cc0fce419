"""`truthmap transfer`: train on one set of questions, test on another, for all pairs of runs of one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.errors import UsageError
from truthmap.records import Site
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import open_run
from truthmap.terminal.options import local, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.analyses.transfer.measure import Choice, Transfer, TransferScore


@replies("truthmap.analyses.transfer.measure:Transfer")
def transfer(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Finished runs of one model: folders or URLs")],
    site: Annotated[str, typer.Option(help="What is read at a layer")] = str(Site.RESIDUAL),
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for table and figure", show_default="analyses/ of the first run", callback=local),
    ] = None,
) -> Reply:
    """Train a probe on each run, test it on every other: whether it carries over, and whether its threshold does."""
    if site not in {str(each) for each in Site}:
        raise UsageError(f"--site must be one of {', '.join(map(str, Site))}, got {site!r}")
    opened = [open_run(run) for run in runs]
    from truthmap.analyses.transfer.run import transfer_runs

    result = transfer_runs(opened, out or opened[0].folder / ANALYSES, site=Site(site), progress=Bars())
    last = [*result.notes, f"Table and figure: {out or path_in_run(runs[0], ANALYSES)}/transfer.*"]
    return Reply(result, lambda: print_findings(summarize(result), last))


def summarize(result: Transfer) -> tuple[SummaryTable, ...]:
    """Return the sets, and for each choice of cell a row per source and a column per target."""
    choices = dict.fromkeys(score.choice for score in result.scores)
    return (_sets(result), *(_matrix(result, choice) for choice in choices))


def _sets(result: Transfer) -> SummaryTable:
    return SummaryTable(
        f"{result.model}, site {result.site}",
        ("set", "trained on", "tested on", "right", "best cell", "best free score", "its AUC [95 %]"),
        tuple(
            (
                each.name,
                str(each.trained),
                str(each.tested),
                f"{each.right:.0%}",
                f"layer {each.layer}, {each.position}",
                "-" if each.log_prob is None else each.free_score,
                "-" if each.log_prob is None else each.log_prob.short,
            )
            for each in result.sets
        ),
    )


def _matrix(result: Transfer, choice: Choice) -> SummaryTable:
    from truthmap.analyses.transfer.measure import Choice

    common = f"the common cell, layer {result.layer}, {result.position}"
    where = "the source's best cell" if choice is Choice.OWN else common
    targets = [each.name for each in result.sets]
    return SummaryTable(
        f"Trained on the row, tested on the column, at {where}: AUC [95 %], minus the best free score's, error rate",
        ("trained on", *targets),
        tuple(
            (source, *(_cell(result.score(choice, source, target)) for target in targets))
            for source in result.sources(choice)
        ),
    )


def _cell(score: TransferScore | None) -> str:
    if score is None:
        return "-"
    gain = "-" if score.minus_log_prob is None else score.minus_log_prob.short_signed
    return f"{score.auc.short}\n{gain}\n{score.error.value:.0%} (blind {score.blind_error:.0%})\n"


ANALYSIS = Analysis(
    "transfer",
    transfer,
    SavedResult(
        "Carried over to other questions",
        "truthmap.analyses.transfer.measure:Transfer",
        summarize,
        (FigureKind("transfer", "AUC from set to set", "truthmap.analyses.transfer.figure:draw_transfer"),),
    ),
)
