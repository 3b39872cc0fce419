"""`truthmap controls`: the table that reviewers ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.analyses.controls.registry import NAMES
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import open_run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.study import settings_named
from truthmap.terminal.completion import of_names
from truthmap.terminal.options import RunArgument, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import CLUSTER, REOPENING, study_options

if TYPE_CHECKING:
    from truthmap.analyses.controls.measure import ControlFinding, ControlReading, Controls


@replies("truthmap.analyses.controls.measure:Controls")
@study_options(settings_named(*REOPENING, "capture", *CLUSTER))
def controls(
    run: RunArgument,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Measure this control and no other; again for more", autocompletion=of_names(NAMES)),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave this control out; again for more", autocompletion=of_names(NAMES)),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Another model, or a run of one on the same questions, that reads too; again for more"),
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(help="A run of the same model on other questions, for transfer-geometry; again for more"),
    ] = None,
    text_model: Annotated[
        str | None,
        typer.Option(
            help="Sentence-embedding model for question and answer side (folder, package or hub id)",
            show_default=False,
        ),
    ] = None,
    popularity: Annotated[
        Path | None,
        typer.Option(
            help="File with a column popularity for each question's subject, for recall-or-truth", show_default=False
        ),
    ] = None,
    *,
    given: dict[str, Any],
) -> Reply:
    """Ask of the best cell what reviewers ask: what is left of its AUC when something else could explain it.

    What earlier calls measured on the same state of the run stays in the table.
    """
    settings = ControlSettings(
        only=tuple(only or ()),
        without=tuple(without or ()),
        peers=tuple(peer or ()),
        others=tuple(other or ()),
        text_model=text_model,
        popularity=popularity,
    )
    opened = open_run(run)
    from truthmap.analyses.controls.run import controls as measure_controls

    result = measure_controls(opened, settings, reopening=ReopenSettings.of(given), progress=Bars())
    last = f"Tables and figure: {path_in_run(run, ANALYSES)}/controls.*"
    return Reply(result, lambda: print_findings(summarize(result), [last]))


def summarize(result: Controls) -> tuple[SummaryTable, ...]:
    """Return two tables: what is left of the AUC under each control, and what that means in a sentence each."""
    numbers = [
        ("the probe itself", f"{result.auc.n:,}", result.auc.short, _left_of_all(result)),
        *(row for finding in result.findings for row in rows_of(finding)),
    ]
    words = [(finding.name, finding.says) for finding in result.findings]
    worst = result.worst
    if worst is not None:
        words.append(("the worst of them", worst.name))
    title = f"What is left of the AUC: {result.model} on {result.questions}, layer {result.layer}, {result.position}"
    return (
        SummaryTable(title, ("control", "n", "value [95 %]", "left above chance"), tuple(numbers)),
        SummaryTable("What it means", ("", ""), tuple(words)),
    )


def _left_of_all(result: Controls) -> str:
    ends = (result.auc.value, result.auc.low, result.auc.high)
    middle, low, high = (f"{end - 0.5:+.2f}" for end in ends)
    return f"{middle} [{low}, {high}]"


def rows_of(finding: ControlFinding) -> list[tuple[str, str, str, str]]:
    """Return a control's rows: its verdict, and under it its numbers."""
    return [(finding.name, "", "", str(finding.verdict)), *map(_row, finding.readings)]


def _row(reading: ControlReading) -> tuple[str, str, str, str]:
    name = f"  {reading.name}" if reading.of == "AUC" else f"  {reading.name} ({reading.of})"
    left = "" if reading.left is None else reading.left.short_signed
    return name, f"{reading.value.n:,}", reading.value.short, left


ANALYSIS = Analysis(
    "controls",
    controls,
    SavedResult(
        "Controls",
        "truthmap.analyses.controls.measure:Controls",
        summarize,
        (
            FigureKind(
                "controls",
                "what each control leaves of the AUC",
                "truthmap.analyses.controls.figure:draw_controls",
            ),
            FigureKind(
                "control-curves",
                "the probe as labels, size or words change",
                "truthmap.analyses.controls.figure:draw_control_curves",
            ),
        ),
    ),
)
