"""`truthmap show`: what a run found, again."""

from __future__ import annotations

from truthmap.cli.output_summary import print_summary
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument


def show(run: RunArgument) -> None:
    """Show what a finished run found: the table that `truthmap run` ends with."""
    print_summary(open_run(run))
