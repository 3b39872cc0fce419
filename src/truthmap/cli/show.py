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
from truthmap.shaded_answer import ShadedAnswer, ShadedToken
from truthmap.terminal.options import RunArgument, local
from truthmap.terminal.output import print_lines, print_pieces, print_table, print_tables

if TYPE_CHECKING:
    from truthmap.runs.data import RunData

_STRONG = 0.6
"""Share from which letters are white."""


def show(
    run: RunArgument,
    export: Annotated[
        Path | None,
        typer.Option(help="Write all answers with their grades to this CSV file", show_default=False, callback=local),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Show one answer, each token shaded by what is read there", show_default=False),
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="SCORE", help="What --answer shades by: probe or log_prob", show_default=False)
    ] = None,
) -> None:
    """Show what a run found: the table that `truthmap run` ends with; or one of its answers.

    Of a run that has no map (too few answers, or all of them right) it shows what there is.
    """
    from truthmap.files import write_text
    from truthmap.report.answers import answers_csv
    from truthmap.runs.data import RunData

    opened = open_run(run)
    if answer is not None:
        _show_answer(opened.show(answer, by))
    elif export is not None:
        write_text(export, answers_csv(RunData.load(opened)))
        print_lines([str(export)])
    elif opened.why_no_map is None:
        print_summary(opened)
    else:
        _show_answers(RunData.load(opened), opened.why_no_map)


def _show_answer(shown: ShadedAnswer) -> None:
    print_lines([shown.question, ""])
    print_pieces((token.text, _style(token)) for token in shown.tokens)
    print_lines([""])
    print_tables([("", ("", ""), shown.facts), shown.table])


def _style(token: ShadedToken) -> str:
    """Return a token's style: on white where it has no say, on blue or orange the stronger it speaks."""
    line = "underline" if token.is_exact else ""
    if token.share is None:
        return line
    strength, full = abs(token.share), (33, 113, 181) if token.share >= 0 else (217, 95, 2)
    red, green, blue = (round(255 + (colour - 255) * strength) for colour in full)
    return f"{line} {'white' if strength > _STRONG else 'black'} on rgb({red},{green},{blue})".strip()


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
