"""`truthmap run`: the map of a model on a set of questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from truthmap.cli.output_summary import print_summary
from truthmap.study.study import Study, settings_of_a_study, with_settings
from truthmap.study.study_file import read_study, write_study
from truthmap.terminal.progress import Bars
from truthmap.terminal.study_options import study_options


@study_options(settings_of_a_study())
def run(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="STUDY.yaml", help="A file with settings; options override it", show_default=False),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the settings to a file, and run nothing", show_default=False)
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Redo what depends on settings changed since the run was made")
    ] = False,
    *,
    given: dict[str, Any],
) -> None:
    """Draw the map: ask the questions, grade the answers, capture the states, fit a probe in every cell.

    Killed at any time, the same command goes on where it stopped.
    """
    settings = with_settings(Study() if study is None else read_study(study), given)
    if write is not None:
        write_study(settings, write)
        return
    from truthmap.pipeline.runner import run_study

    print_summary(run_study(settings, update=update, progress=Bars()))
