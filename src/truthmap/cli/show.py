"""`truthmap show`: what a run found, again; and its answers as a file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.audit.command import audit_rows
from truthmap.cli.output_summary import print_summary
from truthmap.cli.replies import WrittenFile
from truthmap.runs.file_names import REPORT
from truthmap.runs.run import Run, open_run
from truthmap.shaded_answer import ShadedAnswer, ShadedToken
from truthmap.terminal.mode import output_mode
from truthmap.terminal.options import RunArgument, local
from truthmap.terminal.output import print_lines, print_pieces, print_table, print_tables
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.runs.data import RunData

_STRONG = 0.6
"""Share from which letters are white."""


@replies("truthmap.cli.run_found:RunFound", "truthmap.cli.replies:WrittenFile", "truthmap.shaded_answer:ShadedAnswer")
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
) -> Reply:
    """Show what a run found: the table that `truthmap run` ends with; or one of its answers.

    Of a run that has no map (too few answers, or all of them right) it shows what there is.
    """
    from truthmap.files import write_text
    from truthmap.report.answers import answers_csv
    from truthmap.runs.data import RunData

    opened = open_run(run)
    if answer is not None:
        shown = opened.show(answer, by)
        return Reply(shown, lambda: _show_answer(shown))
    if export is not None:
        write_text(export, answers_csv(RunData.load(opened)))
        return Reply(WrittenFile.at(export, export), lambda: print_lines([str(export)]))
    return run_reply(opened)


def run_reply(run: Run, tracked: Sequence[str] = ()) -> Reply:
    """Return what a run found, one that has no map included.

    Args:
        run: The run.
        tracked: Where trackers show it, a line each.
    """
    if output_mode().as_json:  # what is to be shown is computed by either way alone
        from truthmap.cli.run_found import run_found

        return Reply(run_found(run, tracked), lambda: None)
    return Reply(None, lambda: _show(run, tracked))


def _show(run: Run, tracked: Sequence[str]) -> None:
    from truthmap.runs.data import RunData

    if run.why_no_map is None:
        print_summary(run)
    else:
        _show_answers(RunData.load(run), run.why_no_map)
    print_lines(f"Tracked by {each}" for each in tracked)


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
