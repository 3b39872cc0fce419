"""`truthmap show`: what a run found, again; and its answers as a file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.audit.command import audit_rows
from truthmap.cli.output_summary import print_summary
from truthmap.runs.file_names import REPORT
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, local
from truthmap.terminal.output import print_lines, print_table

if TYPE_CHECKING:
    from truthmap.runs.data import RunData


def show(
    run: RunArgument,
    export: Annotated[
        Path | None,
        typer.Option(help="Write all answers with their grades to this CSV file", show_default=False, callback=local),
    ] = None,
) -> None:
    """Show what a run found: the table that `truthmap run` ends with.

    Of a run that has no map (too few answers, or all of them right) it shows what there is.
    """
    from truthmap.files import write_text
    from truthmap.report.answers import answers_csv
    from truthmap.runs.data import RunData

    opened = open_run(run)
    if export is not None:
        write_text(export, answers_csv(RunData.load(opened)))
        print_lines([str(export)])
    elif opened.why_no_map is None:
        print_summary(opened)
    else:
        _show_answers(RunData.load(opened), opened.why_no_map)


def _show_answers(data: RunData, why: str) -> None:
    from truthmap.report.answers import counted, title_of

    address = data.run.address
    print_table(
        title_of(data),
        ("", ""),
        [
            ("Answers", counted(data)),
            *audit_rows(data.audit),
            ("Map", f"none: {why}"),
            ("To look at", f"{address}/{REPORT}"),
            ("What next", "read the answers, then ask as the line above says:"),
        ],
    )
    print_lines([f"  truthmap show {shlex.quote(address)} --export answers.csv"])
